import { setTimeout as sleep } from 'node:timers/promises';

import {
  isCancelled,
  isCompleting,
  type Answer,
  type Controller,
  type JobNow,
} from '../slurm/control.ts';
import { syslog } from '../system/syslog.ts';

/** For so long a controller that answers other questions may refuse to hold a job. One that cannot be reached is waited for. */
const LONGEST_REFUSAL_MS = 60 * 60_000;

type Slurm = Pick<Controller, 'job' | 'requeueHold' | 'requeueHoldEnded' | 'allowRequeue'>;

/**
 * What has become of a job that is to be held. `ended`: Slurm ends this run, or has begun a newer one, and there is nothing to hold any more;
 * `refused`: for good, and why.
 */
export type Held =
  | { readonly kind: 'held' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Has Slurm requeue and hold the job. It holds none that may not be requeued, and neither lets one be requeued nor allows it once it has
 * ended: so it is allowed here, or the job's checkpoints would be of no use to anybody.
 * @param restarts of the run that asks: a newer one, elsewhere, is not to be held for its sake
 * @param wait before the next try; `ended`: somebody ends the job
 */
export async function holdPatiently(
  controller: Slurm,
  { name, restarts }: { name: string; restarts: number },
  wait: (reason: string) => Promise<'again' | 'ended'>,
): Promise<Held> {
  let refusedSince: number | undefined;
  for (;;) {
    const now = await controller.job();
    if (now && isCancelled(now)) return { kind: 'cancelled' };
    if (now && now.restarts > restarts) return { kind: 'ended' };
    const answer = await holdNow(controller, name, now);
    if (answer.ok) return { kind: 'held' };
    refusedSince = now ? (refusedSince ?? performance.now()) : undefined;
    if (refusedSince !== undefined && performance.now() - refusedSince > LONGEST_REFUSAL_MS) {
      return { kind: 'refused', reason: answer.reason };
    }
    if ((await wait(answer.reason)) === 'ended') return { kind: 'ended' };
  }
}

/** Between two tries, in milliseconds. */
export const HOLD_AGAIN_MS = 30_000;

/**
 * Holds a job that this node cannot protect, and that may have checkpoints: it must not start again from the beginning without a word.
 * Waits for a controller that does not answer.
 * @param say tells the job's owner
 */
export async function holdUnprotected(
  controller: Controller,
  run: { id: number; name: string; restarts: number; reason: string },
  say: (text: string) => void,
): Promise<void> {
  const { id, name, reason } = run;
  say(
    `The job is held, for it must not start from the beginning again: ${reason}. When that is mended, scontrol release ${name}`,
  );
  await syslog('err', `job ${id} is held: ${reason}`);
  const held = await holdPatiently(controller, run, async () => sleep(HOLD_AGAIN_MS, 'again'));
  const goOn = `its checkpoints stay; scontrol requeue ${name} goes on from them while Slurm still knows the job`;
  if (held.kind === 'cancelled') say(`It was cancelled before that, and is not held: ${goOn}`);
  if (held.kind === 'refused') {
    say(`The job could not be held (${held.reason}): it ends here, and ${goOn}`);
    await syslog('err', `job ${id} could not be held: ${held.reason}`);
  }
}

async function holdNow(controller: Slurm, name: string, now: JobNow | undefined): Promise<Answer> {
  const hold = async (): Promise<Answer> =>
    // Slurm ends it already, as at its time limit; or nobody knows whether it does.
    !now || isCompleting(now) ? controller.requeueHoldEnded(name) : controller.requeueHold(name);
  const answer = await hold();
  if (answer.ok || now?.mayRequeue !== false || !(await controller.allowRequeue(name)).ok) {
    return answer;
  }
  return hold();
}

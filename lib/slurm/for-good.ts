// Requeues that come to nothing, or that a controller loses which is killed just after it took them.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import type { JobEnd } from './record.ts';
import { howItEnded, isAway, isGone, requeueEnded } from './scontrol.ts';

/** slurmctld writes down what jobs do 5 s after it last has (SAVE_MAX_WAIT in state_save.c), and needs a moment for it. */
const WRITTEN_MS = 7000;
/** Of a controller that hangs a single call takes up to half of it. */
const CONTROLLER_MS = 120_000;
const AGAIN_MS = 2000;

/** `unseen`: nobody could be asked. */
export type ForGood = { readonly kind: 'done' | 'unseen' } | { readonly kind: 'failed'; readonly reason: string };

type Asked = {
  /** held: it runs again once its owner releases it */
  readonly as: 'eligible' | 'held';
  /**
   * As what Slurm had the job. An ended one is looked at once that is written down: by a controller's older state it may end once
   * more. A running one at once: by an older state it has ended just now, or is shown as running, with nobody there, until Slurm misses it.
   */
  readonly of: 'running' | 'ended';
  readonly askedAgain: () => void;
};

/**
 * Of a job whose run has ended, and that Slurm was asked to requeue, or counts as requeued. Waits where nobody answers. Slurm is
 * asked again where that is lost, or came to nothing, but for a job that was cancelled meanwhile.
 */
export async function staysRequeued(job: Job, { as, of, askedAgain }: Asked): Promise<ForGood> {
  if (of === 'ended') await sleep(WRITTEN_MS);
  const asked = await atLast(job);
  if ('reason' in asked) return { kind: isGone(asked.reason) ? 'done' : 'unseen' };
  if (asked.end !== 'failed' && asked.end !== 'other') return { kind: 'done' };
  const again = await requeueEnded(job, as).catch(failure);
  if (again.kind === 'failed') return { kind: 'failed', reason: again.reason };
  askedAgain();
  return staysRequeued(job, { as, of: 'ended', askedAgain });
}

/** Of a job one of whose runs has ended. Undefined where nobody says so: at once, unless it is because the controller is away. */
export async function howItEndedAtLast(job: Job): Promise<JobEnd | undefined> {
  const asked = await atLast(job);
  return 'end' in asked ? asked.end : undefined;
}

async function atLast(job: Job): Promise<{ readonly end: JobEnd } | { readonly reason: string }> {
  for (const until = Date.now() + CONTROLLER_MS; ; await sleep(AGAIN_MS)) {
    try {
      return { end: await howItEnded(job) };
    } catch (error) {
      const reason = reasonOf(error);
      if (Date.now() >= until || !isAway(reason)) return { reason };
    }
  }
}

const failure = (error: unknown) => ({ kind: 'failed', reason: reasonOf(error) }) as const;

// A requeue that is not lost with a controller that is killed just after it took it.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { howItEnded, requeueEnded } from './scontrol.ts';

/** slurmctld writes down what jobs do 5 s after it last has (SAVE_MAX_WAIT in state_save.c), and needs a moment for it. */
const WRITTEN_MS = 7000;
const CONTROLLER_MS = 60_000;
const AGAIN_MS = 2000;

/** `unseen`: it took the request, and could not be asked since. */
export type ForGood = { readonly kind: 'done' | 'unseen' } | { readonly kind: 'failed'; readonly reason: string };

/**
 * Of a job whose run Slurm has ended, or ends. Returns once that is written down: after 7 s, longer where nobody answers.
 * @param then held: it runs again once its owner releases it
 */
export async function requeueForGood(job: Job, then: 'eligible' | 'held' = 'eligible'): Promise<ForGood> {
  const asked = await requeueEnded(job, then).catch(failure);
  return asked.kind === 'failed' ? { kind: 'failed', reason: asked.reason } : staysRequeued(job, then);
}

/** Of one that has been requeued by now; it is once more where that is lost, but for one that was cancelled meanwhile. */
export async function staysRequeued(job: Job, then: 'eligible' | 'held' = 'eligible'): Promise<ForGood> {
  await sleep(WRITTEN_MS);
  const end = await onceAnswered(async () => howItEnded(job));
  if (end === undefined) return { kind: 'unseen' };
  return end === 'failed' || end === 'other' ? requeueForGood(job, then) : { kind: 'done' };
}

async function onceAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
  for (const until = Date.now() + CONTROLLER_MS; Date.now() < until; await sleep(AGAIN_MS)) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

const failure = (error: unknown) => ({ kind: 'failed', reason: reasonOf(error) }) as const;

// Requeues that come to nothing, or that a controller loses which is killed just after it took them.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import type { JobEnd } from './record.ts';
import { howItEnded, isAway, recordOf, requeueEnded } from './scontrol.ts';

/** slurmctld writes down what jobs do 5 s after it last has (SAVE_MAX_WAIT in state_save.c), and needs a moment for it. */
const WRITTEN_MS = 7000;
/** Of a controller that hangs a single call takes up to half of it. */
const CONTROLLER_MS = 120_000;
const AGAIN_MS = 2000;

/** `unseen`: nobody could be asked. */
export type ForGood = { readonly kind: 'done' | 'unseen' } | { readonly kind: 'failed'; readonly reason: string };

/**
 * Of a job whose run Slurm has ended, and that it was asked to requeue. Returns once that is written down: after 7 s, longer where
 * nobody answers. It is asked again where that is lost, or came to nothing, but for a job that was cancelled meanwhile.
 * @param then held: it runs again once its owner releases it
 */
export async function staysRequeued(job: Job, then: 'eligible' | 'held'): Promise<ForGood> {
  await sleep(WRITTEN_MS);
  const end = await onceAnswered(async () => howItEnded(job));
  if (end === undefined) return { kind: 'unseen' };
  if (end !== 'failed' && end !== 'other') return { kind: 'done' };
  const asked = await requeueEnded(job, then).catch(failure);
  return asked.kind === 'failed' ? { kind: 'failed', reason: asked.reason } : staysRequeued(job, then);
}

/** Of a job one of whose runs has ended. Undefined where nobody says so: at once, unless it is because the controller is away. */
export async function howItEndedAtLast(job: Job): Promise<JobEnd | undefined> {
  for (const until = Date.now() + CONTROLLER_MS; ; await sleep(AGAIN_MS)) {
    try {
      return await howItEnded(job);
    } catch (error) {
      if (Date.now() >= until || !isAway(reasonOf(error))) return undefined;
    }
  }
}

/**
 * Of a job whose run has ended as one that is requeued: whether its controller has come back with what it had written down
 * before it counted the next. False where nobody answers.
 */
export async function isForgotten(job: Job): Promise<boolean> {
  return (await onceAnswered(async () => recordOf(job)))?.restarts === job.restarts;
}

async function onceAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
  for (const until = Date.now() + CONTROLLER_MS; Date.now() < until; await sleep(AGAIN_MS)) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

const failure = (error: unknown) => ({ kind: 'failed', reason: reasonOf(error) }) as const;

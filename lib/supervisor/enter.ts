// Before a run of a job touches anything of the user's: it claims the job, and makes sure that no other run is at it.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { monotonic } from '../lease/lease.ts';
import { vigil } from '../lease/vigil.ts';
import { messages } from '../messages.ts';
import type { Say } from '../run/output.ts';
import type { Signals } from '../run/signals.ts';
import type { Fate } from '../slurm/record.ts';
import { fate, recordOf } from '../slurm/scontrol.ts';
import type { Ended } from '../store/ended.ts';
import { pass, type Verdict } from '../store/gate.ts';
import { tellsOfEarlier } from '../store/names.ts';
import type { Store } from '../store/store.ts';
import { bootId } from '../system/proc.ts';
import { ofError, ofJob, type Objection } from './objections.ts';

type Entering = {
  readonly job: Job;
  readonly store: Store;
  readonly signals: Pick<Signals, 'terminated'>;
  readonly say: Say;
  /** Seconds after which this run stops by itself if it can't renew its claim; 0: it never does. */
  readonly lease: number;
  /** Seconds after which a write of one node's to the store is seen by another, over what a lease allows for. */
  readonly visibility: number;
};

/** Until a store that hangs answers it still asks. */
type Asking = { readonly later?: Promise<Entrance> };

export type Entrance =
  /** `at`: when the job was last known to be this run's, by monotonic(). */
  | { readonly kind: 'entered'; readonly at: number }
  /** R1: of a first run, whose store can't be written to: nothing keeps it from running, and it may ask again. */
  | ({ readonly kind: 'unprotected'; readonly reason: string } & Asking)
  | ({ readonly kind: 'held'; readonly claimed: boolean } & Objection)
  | { readonly kind: 'ended'; readonly ended: Ended }
  /** A newer run has the job, or Slurm ends this one before it began. */
  | { readonly kind: 'left'; readonly meaning: Fate };

const LOOK_MS = 1000;

/** A first run doesn't wait for a store that doesn't answer. Any other has to, and says so. */
export async function enterUnlessSilent(around: Entering, watch: typeof vigil = vigil): Promise<Entrance> {
  const { job, store, say } = around;
  using silence = watch(store.folder);
  const entrance = enter(around);
  if ((await Promise.race([entrance, silence.givenUp])) !== 'given-up') return entrance;
  if (job.restarts === 0) return { kind: 'unprotected', reason: messages.storeSilent(store.folder), later: entrance };
  say(messages.waitsForStore(store.folder));
  return entrance;
}

export async function enter(around: Entering): Promise<Entrance> {
  const { job, store } = around;
  let claimed = false;
  try {
    if (job.restarts > 0) await store.mustBeMounted();
    const taken = job.restarts === 0 ? await takenByOther(around) : undefined;
    if (taken !== undefined) return { kind: 'held', ...ofJob(taken), claimed };
    const me = { run: job.restarts, node: job.node, boot: bootId() };
    claimed = (await store.claim({ ...me, lease: around.lease })) === 'claimed';
    if (!claimed) return { kind: 'held', ...ofJob(messages.begunAlready(store.folder, job.restarts)), claimed };
    return await throughGate(around, me);
  } catch (error) {
    if (job.restarts > 0 || claimed) return { kind: 'held', ...ofError(error), claimed };
    return { kind: 'unprotected', reason: reasonOf(error) };
  }
}

/** R2: the wait counts from the return of the own claim. */
async function throughGate(around: Entering, me: Parameters<typeof pass>[1]): Promise<Entrance> {
  const { store, signals, say, visibility } = around;
  const claimedAt = performance.now();
  for (let said = false; ; said = true) {
    const meaning = signals.terminated() ? await fate(around.job).catch(() => 'goes-on' as const) : 'goes-on';
    if (meaning !== 'goes-on') return { kind: 'left', meaning };
    const verdict = pass(await store.look(), me);
    const seconds = verdict.kind === 'wait' ? verdict.seconds + visibility : 0;
    if (verdict.kind === 'wait' && performance.now() - claimedAt < seconds * 1000) {
      if (!said) say(messages.waiting(verdict.nodes, seconds));
      await sleep(LOOK_MS);
      continue;
    }
    if (verdict.kind !== 'go' && verdict.kind !== 'wait') return turnedAway(verdict, around);
    await store.sweep(me.run); // R4: first this, then whatever is looked for
    const at = monotonic();
    const { ended } = await store.look(); // R6
    return ended ? { kind: 'ended', ended } : { kind: 'entered', at };
  }
}

function turnedAway(verdict: Exclude<Verdict, { kind: 'go' | 'wait' }>, { store, say }: Entering): Entrance {
  switch (verdict.kind) {
    case 'ended':
      return verdict;
    case 'old':
      say(messages.superseded());
      return { kind: 'left', meaning: 'over' };
    case 'stay':
      return { kind: 'held', ...ofJob(messages.mayStillRun(verdict, store.folder)), claimed: true };
  }
}

/**
 * Job numbers come again after a controller lost its state; and a controller that was killed may come back with an older
 * state, and start a job's first run once more. A job that was submitted after the last change of what lies there is another.
 * @returns why not, if it can't be told
 */
export async function takenByOther({ store, job }: Pick<Entering, 'store' | 'job'>): Promise<string | undefined> {
  const { listing } = await store.look();
  if (!tellsOfEarlier(listing)) return undefined;
  const { submittedAt } = await recordOf(job);
  if (submittedAt === undefined || submittedAt <= (await store.changedAt())) return messages.numberTaken(store.folder);
  await store.clear();
  return undefined;
}

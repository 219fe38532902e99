// A run whose supervisor was killed before it came through its gate: nothing of the job's has been touched.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import { messages } from '../messages.ts';
import { workDirectoryOf, type RunFolder } from '../run-folder.ts';
import type { Errand, Requeue } from '../run/errand.ts';
import { removeLost } from '../run/scratch.ts';
import { howItEndedAtLast } from '../slurm/for-good.ts';
import type { Store } from '../store/store.ts';
import { storeOfJob } from '../supervisor/asked.ts';
import { takenByOther } from '../supervisor/enter.ts';
import { bootId } from '../system/proc.ts';
import { jobOf, killed, removed, takeBack, type Run } from './killed.ts';

type Begun = Run & { readonly folder: RunFolder };

/** It had not come to write an errand. */
export async function withoutErrand(left: Begun): Promise<Requeue | undefined> {
  try {
    const job = { ...jobOf(left), workDirectory: await workDirectoryOf(left.folder) };
    const store = await inTime(storeOfJob(job.environment['SLURM_CHECKPOINT_DIR'] ?? '', job), 'the store');
    const errand = { scratch: '', scratchIsOurs: false, store: store.folder, home: store.home, settled: false };
    return await settleEntering(errand, store, left);
  } catch (error) {
    return heldUnread(reasonOf(error), 'the store', left);
  }
}

/** One that has claimed the job has to release it. */
export async function withOwnClaim(errand: Errand, store: Store, left: Begun): Promise<Errand> {
  if (errand.settled) return errand;
  const { run } = left;
  const { node } = jobOf(left);
  const seen = await inTime(store.look(), store.folder).catch(() => undefined);
  const own = seen?.unreleased.find((each) => each.run === run)?.claim;
  return own?.node === node && own.boot === bootId() ? { ...errand, claim: { run, node } } : errand;
}

export async function settleEntering(errand: Errand, store: Store, left: Run): Promise<Requeue | undefined> {
  const looked = await inTime(store.list(), store.folder).catch((error: unknown) => ({ reason: reasonOf(error) }));
  if ('reason' in looked) return heldUnread(looked.reason, store.folder, left);
  if (looked.claims.some(({ run }) => run > left.run)) {
    await removeLost(errand);
    return undefined;
  }
  const taken = left.run === 0 && !errand.claim ? await whyTaken(store, left) : undefined;
  if (taken === undefined) return killed(errand, store, left);
  await removed(errand, left);
  return notRequeue(taken, left);
}

/** Only a first run asks whose the files are that it finds: the next one would go on from them, be they another job's. */
const whyTaken = async (store: Store, left: Run): Promise<string | undefined> =>
  inTime(takenByOther({ store, job: jobOf(left) }), store.folder).catch(reasonOf);

async function notRequeue(why: string, left: Run): Promise<undefined> {
  const end = await howItEndedAtLast(jobOf(left));
  if (end === undefined || end === 'failed' || end === 'other') left.say(messages.notBegunAgain(why, left.job));
}

/** Nobody can tell what there is to go on from, nor how often this has been so. @param kept where its checkpoints are */
async function heldUnread(why: string, kept: string, left: Run): Promise<Requeue | undefined> {
  if (left.run === 0) return notRequeue(why, left);
  const end = await howItEndedAtLast(jobOf(left));
  if (end === undefined) left.say(messages.endUnknown(kept, left.job));
  return end === 'failed' || end === 'other'
    ? takeBack({ as: 'held', of: 'ended', kept }, messages.heldUnread(why), left)
    : undefined;
}

const PATIENCE_MS = 60_000;

/** Throws where nobody answers: an Epilog that hangs keeps the job from its next run, as a store that hangs here may not elsewhere. */
async function inTime<T>(answer: Promise<T>, where: string): Promise<T> {
  const silent = async (): Promise<never> => {
    await sleep(PATIENCE_MS);
    throw new Error(messages.storeSilent(where));
  };
  return Promise.race([answer, silent()]);
}

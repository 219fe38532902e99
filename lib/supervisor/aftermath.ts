// The Epilog's part in the job's story: every process of the run has ended, and what the supervisor was to do may not be done.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { messages } from '../messages.ts';
import type { RunFolder } from '../run-folder.ts';
import { jobFrom, parseEnviron } from '../slurm/environment.ts';
import { requeueForGood, staysRequeued } from '../slurm/for-good.ts';
import { howItEnded, recordOf, runsAgainAnyway } from '../slurm/scontrol.ts';
import { readManifest } from '../store/manifest.ts';
import { openStore, type Store } from '../store/store.ts';
import { readErrand, type Errand } from './errand.ts';
import { monotonic } from './lease.ts';
import { addLine, type Say } from './output.ts';
import { askStore, type Answer } from './renewal.ts';
import { finish } from './results.ts';
import { whatBecomesOf } from './remains.ts';
import { removeLost, removeScratch } from './scratch.ts';
import { endingNoted } from './tree.ts';
import { briefLease } from './writers.ts';

/** `requeued`: Slurm already counts another run. `left`: it had no Epilog, and nobody knows what has become of the job. */
const ENDINGS = ['over', 'requeued', 'left'] as const;
type RunEnding = (typeof ENDINGS)[number];
export const isEnding = (word: string): word is RunEnding => ENDINGS.some((each) => each === word);

type Left = {
  readonly job: number;
  readonly folder: RunFolder;
  readonly ending: RunEnding;
  readonly environ: string;
  readonly say: Say;
};

export async function clearUp(left: Left): Promise<void> {
  const errand = await readErrand(left.folder);
  if (!errand) return;
  const store = openStore({ folder: errand.store, home: errand.home });
  if (!errand.settled) await settle(errand, store, left);
  if (errand.requeued && errand.claim) await seesRequeue(errand, { ...left, run: errand.claim.run });
  if (errand.claim) await store.release(errand.claim.run).catch(() => {}); // it is released, or the next run waits, or asks
}

async function seesRequeue(errand: Errand, left: Pick<Killed, 'run'> & Left): Promise<void> {
  const asked = await staysRequeued(jobOf(left));
  const say = toOwner(errand, left);
  if (asked.kind === 'failed' && !runsAgainAnyway(asked.reason))
    say(messages.notTakenBack(asked.reason, errand.store, left.job));
  if (asked.kind === 'unseen') say(messages.requeueUnseen(left.job));
}

/** What a script's end is called that nobody has noted: its supervisor was killed. */
const KILLED = { signal: 9 };

async function settle(errand: Errand, store: Store, left: Left): Promise<void> {
  const { claim } = errand;
  if (left.ending === 'requeued' && !(claim && (await isForgotten({ ...left, run: claim.run }))))
    return removed(errand, left);
  const noted = endingNoted(left.folder);
  if (claim === undefined && left.ending === 'left') return; // a later run may have delivered; its TMPDIR goes with the user's next job here
  const say = toOwner(errand, left);
  if (claim === undefined) return void (await finish(errand, noted ?? KILLED, { say, mayWrite: async () => true }));
  // Without the own claim, or with a newer one, nothing there is this run's to write (§6).
  const ask = async (): Promise<Answer> => askStore({ restarts: claim.run }, store);
  const askedAt = monotonic();
  const answer = await ask();
  if (answer === 'superseded') return removeLost(errand);
  if (answer === 'unknown') return;
  using lease = briefLease({ since: askedAt, seconds: await leaseIn(store, claim.run), askStore: ask });
  const mayWrite = async (): Promise<boolean> => {
    if ((await ask()) !== 'ours') return false;
    if (!lease.isValid()) throw new Error(messages.notRenewed(store.folder));
    return true;
  };
  if (noted) return void (await finish(errand, noted, { say, mayWrite }));
  await killed(errand, store, { ...left, say, run: claim.run, mayWrite });
}

/** Seconds. One that can't be understood is waited for by nobody. */
const leaseIn = async (store: Store, run: number): Promise<number> =>
  (await store.look()).unreleased.find((one) => one.run === run)?.claim?.lease ?? 0;

/** In the job's output, too: of a run whose it still is. */
const toOwner =
  ({ output }: Errand, { say }: Left): Say =>
  (sentence) => {
    say(sentence);
    if (output) addLine(output, sentence);
  };

const CONTROLLER_MS = 60_000;
const AGAIN_MS = 2000;

/** A controller that was killed may come back with what it had written down before it requeued the job. */
async function isForgotten(left: Pick<Killed, 'job' | 'run' | 'environ'>): Promise<boolean> {
  for (const until = Date.now() + CONTROLLER_MS; Date.now() < until; await sleep(AGAIN_MS)) {
    const record = await recordOf(jobOf(left)).catch(() => undefined);
    if (record) return record.restarts === left.run;
  }
  return false;
}

/** Whoever needs the room hears of it; the job goes on. */
const removed = async (errand: Errand, { say }: Left): Promise<void> =>
  removeScratch(errand).catch((error: unknown) => say(messages.notRemoved(errand.scratch, reasonOf(error))));

type Killed = Left & { readonly run: number; readonly mayWrite: () => Promise<boolean> };

async function killed(errand: Errand, store: Store, left: Killed): Promise<void> {
  const { say, mayWrite } = left;
  const [newest] = await store.generations();
  const job = jobOf(left);
  const end = await howItEnded(job).catch(() => undefined);
  const runs = await runsSince(store, left.run);
  const next = whatBecomesOf({ end, hasCheckpoint: newest !== undefined, runs });
  if (next === 'deliver') return void (await finish(errand, KILLED, { say, mayWrite }));
  if (next === 'keep' && newest === undefined) await finish(unclaimed(errand), KILLED, { say, mayWrite });
  else await removed(errand, left);
  if (next === 'leave') return;
  if (next === 'forgotten') return say(messages.forgotten(left.job, newest?.number));
  if (next === 'keep') return say(messages.endUnknown(newest && store.folder, left.job));
  const asked = await requeueForGood(job, next === 'hold' ? 'held' : 'eligible');
  const kept = newest && store.folder;
  if (asked.kind === 'failed' && runsAgainAnyway(asked.reason)) return;
  if (asked.kind === 'failed') say(messages.notTakenBack(asked.reason, kept, left.job));
  else if (next === 'hold') say(messages.heldInVain(runs, kept));
  else say(messages.takenBack(newest?.number));
  if (asked.kind === 'unseen') say(messages.requeueUnseen(left.job));
}

/** What it left is delivered, and nobody notes that the job is over. */
function unclaimed(errand: Errand): Errand {
  const { claim, ...left } = errand;
  return claim ? left : errand;
}

/** Since the newest checkpoint that can be read; one that can't be is the next run's to see to. */
async function runsSince(store: Store, run: number): Promise<number> {
  for (const generation of await store.generations()) {
    const found = await readManifest(generation.path);
    if (found.kind === 'found') return run - (found.manifest.run ?? run);
  }
  return run + 1;
}

const jobOf = ({ job, run, environ }: Pick<Killed, 'job' | 'run' | 'environ'>): Job =>
  jobFrom({ id: job, restarts: run, workDirectory: '/' }, parseEnviron(environ));

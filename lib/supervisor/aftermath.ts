// The Epilog's part in the job's story: every process of the run has ended, and what the supervisor was to do may not be done.
import { setTimeout as sleep } from 'node:timers/promises';
import { messages } from '../messages.ts';
import type { RunFolder } from '../run-folder.ts';
import { isForgotten } from '../slurm/for-good.ts';
import { openStore, type Store } from '../store/store.ts';
import { bootId } from '../system/proc.ts';
import { readErrand, type Errand } from './errand.ts';
import { jobOf, KILLED, killed, removed, seesRequeue, type Requeued } from './killed.ts';
import { monotonic } from './lease.ts';
import { addLine, type Say } from './output.ts';
import { askStore, type Answer } from './renewal.ts';
import { finish } from './results.ts';
import { removeLost } from './scratch.ts';
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
  const read = await readErrand(left.folder);
  if (!read) return;
  const store = openStore({ folder: read.store, home: read.home });
  const errand = await withOwnClaim(read, store, left);
  const settled = errand.requeued ? ({ as: 'eligible', kept: errand.store } as const) : undefined;
  const requeued = errand.settled ? settled : await settle(errand, store, left);
  if (errand.claim) await store.release(errand.claim.run).catch(() => {}); // it is released, or the next run waits, or asks
  const run = runOf(errand);
  if (requeued && run !== undefined) await seesRequeue(requeued, { ...left, run, say: toOwner(errand, left) });
}

const runOf = ({ claim, entering }: Errand): number | undefined => claim?.run ?? entering;

const PATIENCE_MS = 60_000;

/** Throws where nobody answers: an Epilog that hangs keeps the job from its next run, as a store that hangs here may not elsewhere. */
async function inTime<T>(answer: Promise<T>, store: Store): Promise<T> {
  const silent = async (): Promise<never> => {
    await sleep(PATIENCE_MS);
    throw new Error(messages.storeSilent(store.folder));
  };
  return Promise.race([answer, silent()]);
}

/** One that had not come through its gate may have claimed the job. */
async function withOwnClaim(errand: Errand, store: Store, left: Left): Promise<Errand> {
  const { entering: run } = errand;
  if (run === undefined || errand.settled) return errand;
  const { node } = jobOf({ ...left, run });
  const seen = await inTime(store.look(), store).catch(() => undefined);
  const own = seen?.unreleased.find((each) => each.run === run)?.claim;
  return own?.node === node && own.boot === bootId() ? { ...errand, claim: { run, node } } : errand;
}

async function settle(errand: Errand, store: Store, left: Left): Promise<Requeued | undefined> {
  const { claim, entering } = errand;
  const run = runOf(errand);
  const runsAgain = left.ending === 'requeued' && !(run !== undefined && (await isForgotten(jobOf({ ...left, run }))));
  if (runsAgain || (entering !== undefined && left.ending === 'left')) {
    await removed(errand, left);
    return undefined;
  }
  if (claim === undefined && left.ending === 'left') return undefined; // a later run may have delivered; its TMPDIR goes with the user's next job here
  const say = toOwner(errand, left);
  if (entering !== undefined) return settleEntering(errand, store, { ...left, say, run: entering });
  if (claim) return settleClaimed({ ...errand, claim }, store, { ...left, say });
  await finish(errand, endingNoted(left.folder) ?? KILLED, { say, mayWrite: async () => true });
  return undefined;
}

async function settleEntering(
  errand: Errand,
  store: Store,
  left: Left & { readonly run: number },
): Promise<Requeued | undefined> {
  const { claims } = await inTime(store.list(), store);
  if (!claims.some(({ run }) => run > left.run)) return killed(errand, store, left);
  await removeLost(errand);
  return undefined;
}

type Claimed = Errand & Required<Pick<Errand, 'claim'>>;

/** Without the own claim, or with a newer one, nothing there is this run's to write (§6). */
async function settleClaimed(errand: Claimed, store: Store, left: Left): Promise<Requeued | undefined> {
  const { run } = errand.claim;
  const ask = async (): Promise<Answer> => askStore({ restarts: run }, store);
  const askedAt = monotonic();
  const answer = await ask();
  if (answer === 'superseded') await removeLost(errand);
  if (answer !== 'ours') return undefined;
  using lease = briefLease({ since: askedAt, seconds: await leaseIn(store, run), askStore: ask });
  const mayWrite = async (): Promise<boolean> => {
    if ((await ask()) !== 'ours') return false;
    if (!lease.isValid()) throw new Error(messages.notRenewed(store.folder));
    return true;
  };
  const noted = endingNoted(left.folder);
  if (!noted) return await killed(errand, store, { ...left, run, mayWrite });
  await finish(errand, noted, { say: left.say, mayWrite });
  return undefined;
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

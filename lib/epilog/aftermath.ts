// The Epilog's part in the job's story: every process of the run has ended, and what the supervisor was to do may not be done.
import { readFile } from 'node:fs/promises';
import { monotonic } from '../lease/lease.ts';
import { askStore, type Answer } from '../lease/renewal.ts';
import { briefLease } from '../lease/writers.ts';
import { messages } from '../messages.ts';
import type { RunFolder } from '../run-folder.ts';
import { COUNTED, readErrand, type Errand, type Requeue } from '../run/errand.ts';
import { addLine, notedOutput, type Say } from '../run/output.ts';
import { finish } from '../run/results.ts';
import { removeLost } from '../run/scratch.ts';
import { endingNoted } from '../run/tree.ts';
import { howItEndedAtLast } from '../slurm/for-good.ts';
import { openStore, type Store } from '../store/store.ts';
import { jobOf, KILLED, killed, removed, seesRequeue, type Later } from './killed.ts';
import { settleEntering, withoutErrand, withOwnClaim } from './not-begun.ts';

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

type Ended = Left & { readonly run: number };

export async function clearUp(left: Left): Promise<Later | undefined> {
  const ended = { ...left, run: Number(await readFile(left.folder.restarts, 'utf8')) };
  const read = await readErrand(left.folder);
  if (!read) return clearUpBeginning(ended);
  const store = openStore({ folder: read.store, home: read.home });
  const errand = read.entering === undefined ? read : await withOwnClaim(read, store, ended);
  const requeued = errand.settled ? nextOf(errand, ended) : await settle(errand, store, ended);
  if (errand.claim) await store.release(errand.claim.run).catch(() => {}); // it is released, or the next run waits, or asks
  const kept = async (): Promise<string | undefined> => keptIn(errand, store);
  return requeued && seesRequeue(requeued, { ...ended, kept, say: toOwner(ended, errand) });
}

/** Of a supervisor that was killed before it had written its errand; one that ended by itself has noted how. */
async function clearUpBeginning(ended: Ended): Promise<Later | undefined> {
  if (ended.ending === 'left' || endingNoted(ended.folder)) return undefined;
  const begun = { ...ended, say: toOwner(ended) };
  const requeued = ended.ending === 'requeued' ? COUNTED : await withoutErrand(begun);
  const kept = async (): Promise<string | undefined> => (ended.run > 0 ? 'the store' : undefined);
  return requeued && seesRequeue(requeued, { ...begun, kept });
}

/** Where the job is to run again; by Slurm's word to its Epilog, or because it was asked for that. */
function nextOf({ claim, requeue }: Errand, { ending }: Left): Requeue | undefined {
  if (claim === undefined && ending === 'left') return undefined; // a later run may be over
  return requeue ?? (ending === 'requeued' ? COUNTED : undefined);
}

async function keptIn({ claim, entering }: Errand, store: Store): Promise<string | undefined> {
  const mayHave = async (): Promise<boolean> => (await store.generations().catch(() => [undefined])).length > 0;
  return entering || (claim && (await mayHave())) ? store.folder : undefined;
}

async function settle(errand: Errand, store: Store, left: Ended): Promise<Requeue | undefined> {
  const { claim, entering } = errand;
  const next = nextOf(errand, left);
  if (next || (entering !== undefined && left.ending === 'left')) {
    await removed(errand, left);
    return next;
  }
  if (claim === undefined && left.ending === 'left') return undefined; // a later run may have delivered; its TMPDIR goes with the user's next job here
  const say = toOwner(left, errand);
  if (entering !== undefined) return settleEntering(errand, store, { ...left, say });
  if ((claim === undefined || endingNoted(left.folder)) && (await runsAgain(left))) {
    await removed(errand, left);
    return undefined;
  }
  if (claim) return settleClaimed({ ...errand, claim }, store, { ...left, say });
  await finish(errand, endingNoted(left.folder) ?? KILLED, { say, mayWrite: async () => true });
  return undefined;
}

/** An Epilog is not told of a requeue because the node failed: that is counted only after the run was told to end (job_mgr.c). */
const runsAgain = async (left: Ended): Promise<boolean> => (await howItEndedAtLast(jobOf(left))) === 'runs-again';

type Claimed = Errand & Required<Pick<Errand, 'claim'>>;

/** Without the own claim, or with a newer one, nothing there is this run's to write (§6). */
async function settleClaimed(errand: Claimed, store: Store, left: Ended): Promise<Requeue | undefined> {
  const { run } = left;
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
  if (!noted) return await killed(errand, store, { ...left, mayWrite });
  await finish(errand, noted, { say: left.say, mayWrite });
  return undefined;
}

/** Seconds. One that can't be understood is waited for by nobody. */
const leaseIn = async (store: Store, run: number): Promise<number> =>
  (await store.look()).unreleased.find((one) => one.run === run)?.claim?.lease ?? 0;

/** In the job's output, too: of a run whose it still is. */
function toOwner({ folder, say }: Left, errand?: Errand): Say {
  const file = errand?.output ?? notedOutput(folder);
  return (sentence) => {
    say(sentence);
    if (file) addLine(file, sentence);
  };
}

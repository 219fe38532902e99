// The Epilog's part in the job's story: every process of the run has ended, and what the supervisor was to do may not be done.
import { readFile } from 'node:fs/promises';
import { messages } from '../messages.ts';
import type { RunFolder } from '../run-folder.ts';
import { isForgotten } from '../slurm/for-good.ts';
import { openStore, type Store } from '../store/store.ts';
import { readErrand, type Errand } from './errand.ts';
import { jobOf, KILLED, killed, removed, seesRequeue, type Requeued } from './killed.ts';
import { monotonic } from './lease.ts';
import { settleEntering, withoutErrand, withOwnClaim } from './not-begun.ts';
import { addLine, notedOutput, type Say } from './output.ts';
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
  if (!read) return clearUpBeginning(left);
  const store = openStore({ folder: read.store, home: read.home });
  const { entering } = read;
  const errand = entering === undefined ? read : await withOwnClaim(read, store, { ...left, run: entering });
  const settled = errand.requeued ? ({ as: 'eligible', kept: errand.store } as const) : undefined;
  const requeued = errand.settled ? settled : await settle(errand, store, left);
  if (errand.claim) await store.release(errand.claim.run).catch(() => {}); // it is released, or the next run waits, or asks
  const run = runOf(errand);
  if (requeued && run !== undefined) await seesRequeue(requeued, { ...left, run, say: toOwner(left, errand) });
}

/** Of a supervisor that was killed before it had written its errand; one that ended by itself has noted how. */
async function clearUpBeginning(left: Left): Promise<void> {
  const run = Number(await readFile(left.folder.restarts, 'utf8'));
  if (left.ending === 'left' || endingNoted(left.folder) || (await runsAgain(left, run))) return;
  const begun = { ...left, run, say: toOwner(left) };
  const requeued = await withoutErrand(begun);
  if (requeued) await seesRequeue(requeued, begun);
}

const runOf = ({ claim, entering }: Errand): number | undefined => claim?.run ?? entering;

const runsAgain = async (left: Left, run: number | undefined): Promise<boolean> =>
  left.ending === 'requeued' && !(run !== undefined && (await isForgotten(jobOf({ ...left, run }))));

async function settle(errand: Errand, store: Store, left: Left): Promise<Requeued | undefined> {
  const { claim, entering } = errand;
  if ((await runsAgain(left, runOf(errand))) || (entering !== undefined && left.ending === 'left')) {
    await removed(errand, left);
    return undefined;
  }
  if (claim === undefined && left.ending === 'left') return undefined; // a later run may have delivered; its TMPDIR goes with the user's next job here
  const say = toOwner(left, errand);
  if (entering !== undefined) return settleEntering(errand, store, { ...left, say, run: entering });
  if (claim) return settleClaimed({ ...errand, claim }, store, { ...left, say });
  await finish(errand, endingNoted(left.folder) ?? KILLED, { say, mayWrite: async () => true });
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
function toOwner({ folder, say }: Left, errand?: Errand): Say {
  const file = errand?.output ?? notedOutput(folder);
  return (sentence) => {
    say(sentence);
    if (file) addLine(file, sentence);
  };
}

// What becomes of a job whose supervisor was killed while it ran, or was to be requeued.
import { reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { messages } from '../messages.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Errand, Requeue } from '../run/errand.ts';
import type { Say } from '../run/output.ts';
import { finish } from '../run/results.ts';
import { removeScratch } from '../run/scratch.ts';
import { jobFrom, parseEnviron } from '../slurm/environment.ts';
import { howItEndedAtLast, staysRequeued, type ForGood } from '../slurm/for-good.ts';
import { requeueEnded, runsAgainAnyway } from '../slurm/scontrol.ts';
import { readManifest } from '../store/manifest.ts';
import type { Store } from '../store/store.ts';
import { whatBecomesOf } from './remains.ts';

export type Run = { readonly job: number; readonly run: number; readonly environ: string; readonly say: Say };
/** Without `mayWrite`: it never came through its gate, and has nothing to deliver. */
type Killed = Run & { readonly mayWrite?: () => Promise<boolean> };

/** What a script's end is called that nobody has noted: its supervisor was killed. */
export const KILLED = { signal: 9 };

/** Where the job's checkpoints are, for who is to hear of a requeue that Slurm refuses. */
type Kept = { readonly kept: () => Promise<string | undefined> };

/** What is left to be looked at, and is nothing that a node should wait for. */
export type Later = () => Promise<void>;

/**
 * Of a job that Slurm counts another run of, or was asked for one, as it ended this. What was counted as it ran may be lost until that
 * is written down: its node is not to wait for that at each move of each job.
 */
export async function seesRequeue({ as, of }: Requeue, left: Run & Kept): Promise<Later | undefined> {
  const asked = await looksAfter({ as, of }, left);
  return asked === 'done' && of === 'running'
    ? async () => void (await looksAfter({ as, of: 'ended' }, left))
    : undefined;
}

async function looksAfter({ as, of }: Requeue, left: Run & Kept): Promise<ForGood['kind']> {
  const askedAgain = (): void => left.say(messages.requeueLost(left.job));
  const asked = await staysRequeued(jobOf(left), { as, of, askedAgain });
  if (asked.kind === 'failed' && !runsAgainAnyway(asked.reason))
    left.say(messages.notTakenBack(asked.reason, await left.kept(), left.job));
  if (asked.kind === 'unseen') left.say(messages.requeueUnseen(left.job));
  return asked.kind;
}

/** Whoever needs the room hears of it; the job goes on. */
export const removed = async (errand: Errand, { say }: Pick<Run, 'say'>): Promise<void> =>
  removeScratch(errand).catch((error: unknown) => say(messages.notRemoved(errand.scratch, reasonOf(error))));

export async function killed(errand: Errand, store: Store, left: Killed): Promise<Requeue | undefined> {
  const { say, mayWrite } = left;
  const [newest] = await store.generations();
  const end = await howItEndedAtLast(jobOf(left));
  const runs = await runsSince(store, left.run);
  const next = whatBecomesOf({ end, hasCheckpoint: newest !== undefined, runs });
  const kept = newest && store.folder;
  if (mayWrite && next === 'deliver') await finish(errand, KILLED, { say, mayWrite });
  else if (mayWrite && next === 'keep' && newest === undefined)
    await finish(unclaimed(errand), KILLED, { say, mayWrite });
  else await removed(errand, left);
  if (next === 'forgotten') say(messages.forgotten(left.job, newest?.number));
  if (next === 'keep') say(messages.endUnknown(kept, left.job));
  if (next !== 'requeue' && next !== 'hold') return undefined;
  return next === 'hold'
    ? takeBack({ as: 'held', of: 'ended', kept }, messages.heldInVain(runs, kept), left)
    : takeBack({ as: 'eligible', of: 'ended', kept }, messages.takenBack(newest?.number), left);
}

/** Asks Slurm for another run, and says so. Undefined: that came to nothing. */
export async function takeBack(
  to: Requeue & { readonly kept: string | undefined },
  sentence: Sentence,
  left: Run,
): Promise<Requeue | undefined> {
  const asked = await requeueEnded(jobOf(left), to.as).catch((error: unknown) => ({
    kind: 'failed' as const,
    reason: reasonOf(error),
  }));
  if (asked.kind === 'done') {
    left.say(sentence);
    return to;
  }
  if (!runsAgainAnyway(asked.reason)) left.say(messages.notTakenBack(asked.reason, to.kept, left.job));
  return undefined;
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

export const jobOf = ({ job, run, environ }: Omit<Run, 'say'>): Job =>
  jobFrom({ id: job, restarts: run, workDirectory: '/' }, parseEnviron(environ));

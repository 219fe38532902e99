import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf, Refusal } from '../errors.ts';
import { ScratchArchive } from '../scratch/archive.ts';
import { noteEnded } from '../store/growth.ts';
import type { Generation } from '../store/job-store.ts';
import type { Manifest } from '../store/manifest.ts';
import { statOf, type ProcessStat } from '../system/proc.ts';
import { syslog } from '../system/syslog.ts';
import { steadyNow } from '../time.ts';
import { numbersOfTree } from '../tree/facts.ts';
import { isRunning, killTree, processesOf, type Tree } from '../tree/tree.ts';
import { BrokenOff, dumpAndCommit } from './committing.ts';
import {
  checkSpace,
  chooseWorkplace,
  copyWhileRunning,
  isOver,
  lookForObstacles,
  writerSlot,
  type Purpose,
} from './preparing.ts';
import { waiting, withProgress } from './progress.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

export type CheckpointOutcome =
  | { readonly kind: 'committed'; readonly generation: Generation; readonly cost: Manifest['cost'] }
  /** There is no checkpoint, and the tree runs on as if nothing had happened. */
  | {
      readonly kind: 'none';
      readonly brokenOff?: Harm;
    };

/** criu was broken off while it was at work on the tree. */
export type Harm = {
  readonly reason: string;
  /** What of the tree has ended since: nobody can tell whether of itself. The script may do so for what it has lost. */
  readonly took: 'nothing' | 'some' | 'the script';
};

/** Takes a checkpoint, or says in one line why there is none. Whatever fails before the commit leaves the tree running. */
export async function checkpoint(
  run: Run,
  tree: Tree,
  purpose: Purpose,
  how: {
    /** There are only seconds left: nobody is waited for. */
    urgent: boolean;
    /** Called right before the tree may be ended. */
    takes: () => void;
  },
): Promise<CheckpointOutcome> {
  const askedAt = steadyNow();
  let before: readonly ProcessStat[] = [];
  try {
    await using _slot = how.urgent ? undefined : await writerSlot(run, tree);
    const startedAt = steadyNow();
    const waitedMs = startedAt - askedAt;
    // That may have taken a while.
    if (!isRunning(tree)) return { kind: 'none' };
    lookForObstacles(run, tree, purpose);
    await using draft = await withProgress(waiting(run), async () => run.store.draft());
    const needed = await checkSpace(run, tree, draft);
    await using workplace = await chooseWorkplace(run, draft, purpose, needed);
    const scratch =
      run.scratch === undefined
        ? undefined
        : new ScratchArchive(run.scratch, workplace.path, run.config.path);
    const running = await copyWhileRunning(scratch);
    if (!isRunning(tree)) throw new Refusal('the script has ended');
    how.takes();
    say(`Dumping checkpoint for pid ${numbersOfTree(tree).script} to ${draft.finalPath}`);
    before = processesOf(tree);
    const attempt = { run, tree, purpose, draft, workplace, scratch, running, startedAt, waitedMs };
    const cost = await dumpAndCommit(attempt);
    run.stagingFailed = false;
    const ended = purpose === 'end' && (await endedWithCriu(tree));
    say('Dump done, Exit code: 0');
    // A newer run may go on from this very checkpoint by now: what lies beside it is that one's.
    if (!run.events.supersededPending) {
      if (ended) await noteEnded(draft.finalPath).catch(() => undefined);
      await pruneQuietly(run);
    }
    return { kind: 'committed', generation: { number: draft.number, path: draft.finalPath }, cost };
  } catch (error) {
    const none: CheckpointOutcome =
      error instanceof BrokenOff
        ? { kind: 'none', brokenOff: await harmOf(error, tree, before) }
        : { kind: 'none' };
    // The script came to its end meanwhile.
    if (!isRunning(tree) || isOver(run)) return none;
    const next = how.urgent ? '' : '; the job runs on, next try at the next interval';
    say(`No checkpoint: ${reasonOf(error)}${next}`);
    await syslog('warning', `job ${run.jobId}: no checkpoint: ${reasonOf(error)}`, run.config.path);
    return none;
  }
}

/** A process that comes upon code that criu left dies as soon as it runs. */
const SETTLE_MS = 1000;

/** What criu has done to the tree, a while after it let go of it. @param before its processes before criu came */
async function harmOf(
  { message: reason, hadStopped }: BrokenOff,
  tree: Tree,
  before: readonly ProcessStat[],
): Promise<Harm> {
  await sleep(SETTLE_MS);
  // A restored tree that ends by itself takes a criu along that has only begun.
  if (!isRunning(tree)) return { reason, took: hadStopped ? 'the script' : 'nothing' };
  const someEnded = before.some(({ pid, startTime, state }) => {
    const now = statOf(pid);
    return state !== 'Z' && (now?.startTime !== startTime || now.state === 'Z');
  });
  return { reason, took: someEnded ? 'some' : 'nothing' };
}

/** How long a tree that criu has ended may take to be gone. */
const ENDING_MS = 1000;
const GONE_PATIENCE_MS = 10_000;

/**
 * After the commit the tree's present is the checkpoint's future: whatever still runs of it (criu was killed) has to end. Returns whether
 * it ended with criu. How that ended tells nothing: as a process of the tree's own namespace it may be killed with it.
 */
async function endedWithCriu(tree: Tree): Promise<boolean> {
  const since = steadyNow();
  while (isRunning(tree) && steadyNow() < since + GONE_PATIENCE_MS) await sleep(10);
  const soon = steadyNow() < since + ENDING_MS;
  killTree(tree);
  return soon;
}

async function pruneQuietly(run: Run): Promise<void> {
  try {
    await run.store.prune(run.options.keep);
  } catch (error) {
    await syslog(
      'warning',
      `job ${run.jobId}: old checkpoints stay: ${reasonOf(error)}`,
      run.config.path,
    );
  }
}

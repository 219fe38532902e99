import { existsSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { Refusal } from '../errors.ts';
import { NOTHING_COPIED, type RunningCopy, type ScratchArchive } from '../scratch/archive.ts';
import type { Draft } from '../store/job-store.ts';
import { memoryOf } from '../system/proc.ts';
import { runOrThrow } from '../system/run.ts';
import { describeBytes } from '../time.ts';
import { gatherFacts } from '../tree/facts.ts';
import { findObstacles, systemVObjects } from '../tree/obstacles.ts';
import { isRunning, processesOf, type Tree } from '../tree/tree.ts';
import { outputFiles } from './outputs.ts';
import { withProgress } from './progress.ts';
import type { Run } from './run.ts';

/** `end`: the tree ends with the commit, to be restored elsewhere. `run-on`: it stands still only while it is copied. */
export type Purpose = 'end' | 'run-on';

/** Throws Refusal when nothing of this run may be committed any more. */
export function refuseIfSuperseded(run: Run): void {
  if (run.events.supersededPending) throw new Refusal('a newer run of this job has taken over');
}

/**
 * Throws Refusal when the script has told its status already: what is left of the tree ends in the next moment, and a restore of that would
 * never be told it.
 */
export function refuseIfOver(run: Run): void {
  if (isOver(run)) throw new Refusal('the script has ended');
}

export const isOver = (run: Run): boolean => existsSync(run.folder.status);

/** What stands in the way, found before anything is stopped. Throws Refusal. */
export function lookForObstacles(run: Run, tree: Tree, purpose: Purpose): void {
  const uid = process.getuid?.() ?? 0;
  const [obstacle, ...more] = findObstacles(gatherFacts(tree), {
    uid,
    localFolders: run.config.local_folders,
    scratch: run.scratch,
    outputs: outputFiles().map(({ path }) => path),
    systemV: systemVObjects(uid, run.startedAt / 1000 - 60),
    runsOn: purpose === 'run-on',
  });
  if (!obstacle) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more of that kind)`;
  throw new Refusal(`${obstacle.cause}: ${obstacle.remedy}${others}`);
}

const SLOT_TURN_MS = 1000;

/** A place among the node's writers. Throws Refusal when none becomes free in time. */
export async function writerSlot(run: Run, tree: Tree): Promise<AsyncDisposable> {
  const patienceMs = Math.max(60, Math.min(run.intervalSeconds ?? 0, 1800)) * 1000;
  const deadline = performance.now() + patienceMs;
  const taken = await withProgress(
    'Waiting for other jobs of this node to finish their checkpoints',
    async () => {
      // In short turns: the agent answers one request after the other, and what happens meanwhile must not wait.
      while (performance.now() < deadline) {
        if ((await run.agent.ask({ kind: 'take-slot', patienceMs: SLOT_TURN_MS })).taken)
          return true;
        if (run.events.termPending) throw new Refusal('Slurm ends this run');
        refuseIfSuperseded(run);
        if (!isRunning(tree)) throw new Refusal('the script has ended');
      }
      return false;
    },
  );
  if (!taken)
    throw new Refusal(
      'other jobs of this node are still writing their checkpoints (writers = in checkpointer.ini)',
    );
  return {
    [Symbol.asyncDispose]: async () => {
      await run.agent.ask({ kind: 'give-slot' }).catch(() => undefined);
    },
  };
}

/** Throws Refusal when the store cannot hold the tree's memory, with a tenth to spare. Returns the bytes needed. */
export async function checkSpace(run: Run, tree: Tree, draft: Draft): Promise<number> {
  const memory = processesOf(tree).reduce((sum, { pid }) => sum + memoryOf(pid), 0);
  const needed = Math.round(memory * 1.1);
  const { bavail, bsize } = await statfs(draft.path);
  // A file system that says 0 (some network ones) says nothing.
  if (bavail !== 0 && bavail * bsize < needed) {
    throw new Refusal(
      `${run.store.path} has ${describeBytes(bavail * bsize)} free, the checkpoint needs about ${describeBytes(needed)}: make room there`,
    );
  }
  if (Number.isFinite(run.config.store_limit)) {
    const used = await run.store.bytesOfUser(run.config.path);
    if (used + needed > run.config.store_limit) {
      throw new Refusal(
        `your checkpoints take ${describeBytes(used)} of the ${describeBytes(run.config.store_limit)} that this site allows, and this one needs about ${describeBytes(needed)}: end jobs, or keep fewer checkpoints of each (keep=1)`,
      );
    }
  }
  return needed;
}

/** Where the tree is copied to while it stands still. */
export type Workplace = AsyncDisposable & { readonly path: string; readonly images: string };

/** The node's staging folder for a tree that is to run on, where there is one with room; else the draft itself. */
export async function chooseWorkplace(
  run: Run,
  draft: Draft,
  purpose: Purpose,
  needed: number,
): Promise<Workplace> {
  const failed = run.stagingFailed;
  run.stagingFailed = false;
  if (purpose === 'run-on' && run.staging !== undefined && !failed) {
    const { bavail, bsize } = await statfs(run.staging);
    if (bavail * bsize > needed && needed <= run.config.staging_limit) {
      const path = join(run.staging, String(draft.number));
      const images = join(path, 'images');
      await runOrThrow(['mkdir', '--parents', '--mode=700', images], {
        deadlineMs: 60_000,
        path: run.config.path,
      });
      // Until it has not.
      run.stagingFailed = true;
      return {
        path,
        images,
        [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }),
      };
    }
  }
  return { path: draft.path, images: draft.images, [Symbol.asyncDispose]: async () => undefined };
}

export async function copyWhileRunning(scratch: ScratchArchive | undefined): Promise<RunningCopy> {
  if (!scratch) return NOTHING_COPIED;
  return withProgress(
    'Copying TMPDIR',
    async () => scratch.copyWhileRunning(),
    async () => scratch.written(),
  );
}

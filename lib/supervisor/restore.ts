import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RESTORE_LOG } from '../criu/command.ts';
import { explainLog, type Reason } from '../criu/explain.ts';
import { reasonOf, Refusal } from '../errors.ts';
import { ScratchArchive } from '../scratch/archive.ts';
import { CutOff } from '../store/cut-off.ts';
import { growthSince, noteEnded, noteRestored } from '../store/growth.ts';
import { findDamage } from '../store/integrity.ts';
import type { Generation } from '../store/job-store.ts';
import type { Manifest } from '../store/manifest.ts';
import { signalsFor } from '../store/signals.ts';
import { syslog } from '../system/syslog.ts';
import { describeSeconds } from '../time.ts';
import type { Tree } from '../tree/tree.ts';
import { isMessage } from './events.ts';
import type { LeaseKeeper } from './lease.ts';
import { misfit, nodeFacts } from './node-facts.ts';
import { layBackOutput } from './outputs.ts';
import { refuseIfSuperseded } from './preparing.ts';
import { withProgress } from './progress.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';
import { Others, undoWrites } from './written-files.ts';

export type RestoreOutcome =
  | {
      readonly kind: 'restored';
      readonly tree: Tree;
      readonly cost: Manifest['cost'];
      /** What the script is to hear of when it goes on. */
      readonly signals: readonly NodeJS.Signals[];
    }
  /** No checkpoint can be used here; the sentence says why, `elsewhere` whether another node may do. */
  | { readonly kind: 'impossible'; readonly reason: string; readonly elsewhere: boolean };

/** Why a checkpoint could not be restored, and whose fault it is. */
class NotRestored extends Refusal {
  readonly blame: Reason['blame'];

  readonly passes: boolean;

  constructor(
    message: string,
    blame: Reason['blame'],
    options?: ErrorOptions & { passes?: boolean },
  ) {
    super(message, options);
    this.blame = blame;
    this.passes = options?.passes ?? false;
  }
}

/** Between two tries of what may pass. */
const AGAIN_MS = 5000;
const READ_TRIES = 3;

/** Something that may well go right on another node: its disk is full, a program was killed. */
function onThisNode(error: unknown): never {
  throw new NotRestored(reasonOf(error), 'node', { cause: error });
}

/** Restores the newest checkpoint; an older one only where a newer one is damaged. */
export async function restoreNewest(run: Run, lease: LeaseKeeper): Promise<RestoreOutcome> {
  let reason = 'there is no checkpoint';
  const rejected: Generation[] = [];
  for (const generation of await run.store.generations()) {
    try {
      const manifest = await soundManifest(run, generation);
      const signals = (await signalsFor(generation.path).catch(onThisNode)).filter(isMessage);
      // From here on the job takes another course: what lies ahead of this checkpoint is not its future any more.
      for (const each of rejected) {
        await lease.whileHeld(async () => run.store.putAside(each));
      }
      return {
        kind: 'restored',
        tree: await layBack(run, lease, generation, manifest, 'anew'),
        cost: manifest.cost,
        signals,
      };
    } catch (error) {
      // That says nothing of the checkpoint.
      if (run.events.supersededPending) throw error;
      reason = `Checkpoint ${generation.number} cannot be restored on ${run.nodeName}: ${reasonOf(error)}`;
      await syslog('err', `job ${run.jobId}: ${reason}`, run.config.path);
      const blame = error instanceof NotRestored ? error.blame : 'job';
      if (blame !== 'checkpoint')
        return { kind: 'impossible', reason, elsewhere: blame === 'node' };
      rejected.push(generation);
      say(`${reason}; trying the one before`);
    }
  }
  return { kind: 'impossible', reason, elsewhere: false };
}

/** Restores a checkpoint right after it was taken, on the node that it was taken on, where TMPDIR is there as it was. */
export async function restoreInPlace(
  run: Run,
  lease: LeaseKeeper,
  generation: Generation,
): Promise<Tree> {
  return layBack(run, lease, generation, await readManifest(run, generation), 'in-place');
}

/** A manifest whose files are all as it says, of a tree that can run here. Throws NotRestored. */
async function soundManifest(run: Run, generation: Generation): Promise<Manifest> {
  const manifest = await readManifest(run, generation);
  const unfit = misfit(manifest, await nodeFacts(run.config.path));
  if (unfit !== undefined) throw new NotRestored(unfit, 'node');
  const damage = await withProgress('Verifying the checkpoint', async () =>
    findDamage(generation.path, manifest.contents, {
      limit: run.config.verify_limit,
      path: run.config.path,
    }).catch(onThisNode),
  );
  if (damage !== undefined) throw new NotRestored(`it is damaged (${damage})`, 'checkpoint');
  return manifest;
}

async function readManifest(run: Run, generation: Generation): Promise<Manifest> {
  let outcome = await run.store.manifestOf(generation);
  for (let tries = 1; outcome.kind === 'unreadable' && tries < READ_TRIES; tries += 1) {
    await sleep(AGAIN_MS);
    outcome = await run.store.manifestOf(generation);
  }
  switch (outcome.kind) {
    case 'found':
      if (outcome.manifest.jobId === run.jobId) return outcome.manifest;
      throw new NotRestored(`it belongs to job ${outcome.manifest.jobId}`, 'checkpoint');
    case 'damaged':
      throw new NotRestored(`it is damaged (${outcome.reason})`, 'checkpoint');
    case 'unreadable':
      // The checkpoint before would be restored without need.
      throw new NotRestored(outcome.reason, 'node');
    case 'foreign-version':
      throw new NotRestored(
        `it has format ${outcome.version}, which this version of slurm-checkpointer does not know: the admin must update it on this node`,
        'node',
      );
  }
}

/** Lays back what the checkpoint holds beside the processes, and has the agent restore those. */
async function layBack(
  run: Run,
  lease: LeaseKeeper,
  generation: Generation,
  manifest: Manifest,
  where: 'anew' | 'in-place',
): Promise<Tree> {
  const growth = await growthSince(generation.path).catch(onThisNode);
  const cutOff = new CutOff(run.store.path, run.config.output_copy_limit);
  const others = new Others(async (path) => run.store.otherWritersOf(path), cutOff);
  for (const file of manifest.files) {
    // One with a cause is out of reach from here; any other is what the file itself is like.
    const cut = await lease
      .whileHeld(async () => undoWrites(file, growth, others))
      .catch((error: unknown) => {
        if (error instanceof Error && error.cause !== undefined) onThisNode(error);
        throw error;
      });
    if (cut > 0)
      say(`${file.path}: the last ${cut} bytes are cut off, for they will be written again`);
  }
  for (const output of manifest.outputs) {
    await lease.whileHeld(async () => layBackOutput(output, generation.path, growth, others));
  }
  for (const told of cutOff.told(describeSeconds(run.config.orphan_age))) say(told);
  if (where === 'anew') await layBackScratch(run, generation, manifest);
  const tree = await lease.whileHeld(async () => {
    if (growth.by === 'others') await noteLengths(generation, manifest).catch(onThisNode);
    return restoreTree(run, generation, manifest).catch(async (error: unknown) => {
      // The agent has said that nothing of it runs.
      if (growth.by === 'others' && !run.agent.gone)
        await noteEnded(generation.path).catch(() => undefined);
      throw error;
    });
  });
  say(
    `Checkpoint restore finished. Exit code: 0 (checkpoint ${generation.number} of ${manifest.takenAt.slice(0, 19)}Z, ` +
      `${manifest.tree.processes} processes, from node ${manifest.node}, on node ${run.nodeName})`,
  );
  return tree;
}

/** From here on the growth of its files may be the tree's own. */
async function noteLengths(generation: Generation, { files, outputs }: Manifest): Promise<void> {
  const there = await Promise.all(
    [...files, ...outputs].map(async ({ path }) => ((await isThere(path)) ? [path] : [])),
  );
  await noteRestored(generation.path, there.flat());
}

/** An output's name may be another one in each run (%N). */
const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function layBackScratch(run: Run, generation: Generation, manifest: Manifest): Promise<void> {
  if (manifest.scratch === undefined) return;
  if (manifest.scratch !== run.scratch) {
    throw new NotRestored(
      `its TMPDIR ${manifest.scratch} is not there on this node (scratch = in checkpointer.ini)`,
      'node',
    );
  }
  const archive = new ScratchArchive(manifest.scratch, generation.path, run.config.path);
  await withProgress('Laying back TMPDIR', async () => archive.layBack()).catch(onThisNode);
}

const MOST_TRIES = 12;

async function restoreTree(run: Run, generation: Generation, manifest: Manifest): Promise<Tree> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryToRestore(run, generation, manifest);
    } catch (error) {
      if (!(error instanceof NotRestored && error.passes) || tries === MOST_TRIES) throw error;
      refuseIfSuperseded(run);
      say(`Not restored yet: ${error.message}`);
      await sleep(AGAIN_MS);
    }
  }
}

async function tryToRestore(run: Run, generation: Generation, manifest: Manifest): Promise<Tree> {
  const logFile = `${RESTORE_LOG}.${run.restarts}`;
  try {
    const outcome = await withProgress('Restore', async () =>
      run.agent.ask({
        kind: 'restore',
        images: join(generation.path, 'images'),
        logFile,
        ...manifest.clocks,
        groups: manifest.groups,
        highestPid: manifest.tree.highest,
        script: manifest.script,
      }),
    );
    if (outcome.kind === 'forged') throw new NotRestored(outcome.reason, 'checkpoint');
    return { root: outcome.root, script: manifest.tree.script };
  } catch (error) {
    if (error instanceof NotRestored) throw error;
    const log = await readFile(join(run.store.path, logFile), 'utf8').catch(() => '');
    if (!log.includes('Error (')) {
      // It lies in the store, as the images do, which may be away for a moment.
      const found = await run.store.manifestOf(generation);
      const isAway = found.kind === 'unreadable';
      const reason = isAway ? found.reason : reasonOf(error);
      throw new NotRestored(reason, 'node', { cause: error, passes: isAway });
    }
    const { sentence, blame, passes } = explainLog(log);
    throw new NotRestored(sentence, blame, { cause: error, passes });
  }
}

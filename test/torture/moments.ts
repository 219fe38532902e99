// The moments of a job's life at which something is done to it.
import { mustExec } from '../cluster/node.ts';
import { at } from '../violent/blows.ts';
import type { Sighted } from '../violent/strike.ts';
import { nodeOf, until, type Scene } from './scene.ts';

export const OF_CRIU: readonly Sighted[] = [
  'criu that begins to dump',
  'criu that has a part of its code in the tree',
  'criu that writes the memory',
  'criu that has dumped',
  'criu that begins to restore',
  'criu that has restored',
];
export const OF_RSYNC: readonly Sighted[] = [
  'rsync that copies TMPDIR',
  'rsync that copies what changed',
  'rsync that moves a snapshot',
  'rsync that lays TMPDIR back',
];
export const OF_RESTORES: readonly Sighted[] = [
  'criu that begins to restore',
  'criu that has restored',
  'rsync that lays TMPDIR back',
];

export async function requeue({ witness }: Scene): Promise<void> {
  await nodeOf(witness);
  await mustExec('ctl', 'scontrol', 'requeue', String(witness.job.id));
}

/** At its next restore: of a job that is saved while it runs, there is none unless somebody requeues it. */
export async function isToBeRestored(scene: Scene): Promise<void> {
  const { witness, mode } = scene;
  if (mode === 'requeue') return;
  await until(witness, () => witness.checkpoints().length > 0);
  await requeue(scene);
}

export async function atMoment(moment: Sighted, scene: Scene, blow: (kill: () => void) => unknown): Promise<void> {
  await Promise.all([
    at(moment, scene.witness, blow),
    OF_RESTORES.includes(moment) ? isToBeRestored(scene) : undefined,
  ]);
}

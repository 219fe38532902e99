import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as v from 'valibot';

import { saysMissing } from '../errors.ts';
import { readJson, replaceJson, syncFolder } from './durable.ts';

/** Beside a checkpoint: the tree ended with it, and nobody has restored it since. */
const ENDED = 'ended';
/** Beside a checkpoint: how long its files were when it was restored. */
const SIZES = 'sizes.json';

const Sizes = v.record(v.string(), v.number());

/**
 * Whose doing it is when a file has grown since a checkpoint. What the tree has written itself it will write again, so that has to go; what
 * others have written has to stay. While the tree does not run, all of it is others'.
 */
export type Growth =
  | { readonly by: 'others' }
  /** The tree may have run on from the checkpoint; from these sizes on (of files by their paths), if it was restored from it. */
  | { readonly by: 'anybody'; readonly from: Readonly<Record<string, number>> };

/** Throws when it cannot be known. */
export async function growthSince(checkpoint: string): Promise<Growth> {
  try {
    await stat(join(checkpoint, ENDED));
    return { by: 'others' };
  } catch (error) {
    if (!saysMissing(error)) throw error;
  }
  return { by: 'anybody', from: (await readJson(join(checkpoint, SIZES), Sizes)) ?? {} };
}

/** Notes that the tree has ended with its checkpoint. */
export async function noteEnded(checkpoint: string): Promise<void> {
  await writeFile(join(checkpoint, ENDED), '', { mode: 0o600, flush: true });
  await syncFolder(checkpoint);
}

/** Notes that the tree is about to run on from its checkpoint, and how long these files are now. */
export async function noteRestored(checkpoint: string, paths: readonly string[]): Promise<void> {
  const sizes = await Promise.all(
    paths.map(async (path) => [path, (await stat(path)).size] as const),
  );
  await replaceJson(join(checkpoint, SIZES), Object.fromEntries(sizes));
  await rm(join(checkpoint, ENDED), { force: true });
  await syncFolder(checkpoint);
}

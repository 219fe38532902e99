// What makes a checkpoint's damage show: a list of its files with their hashes, whose own hash is in the manifest, which is
// sealed in turn. `sha256sum --check manifest.sha256` tells whether that is still whole.
import path from 'node:path';
import { mustRun } from '../system/exec.ts';
import { damageIn } from './damage.ts';
import { everythingIn, summing, type Listed } from './sums.ts';

export const MANIFEST = 'manifest.json';
export const SEAL = 'manifest.sha256';
/** How far the job's output reached, when it was restored: written later than all else. */
export const MARKS = 'restored.json';

/** CRIU writes its statistics last of all, when the checkpoint may be complete already. */
const UNLISTED = /^(manifest\.json|manifest\.sha256|restored\.json(\.new)?|images\/stats-\w+)$/;

const listed = (checkpoint: string, threads: boolean): Listed => ({
  folder: checkpoint,
  list: 'files',
  threads,
  isLeftOut: (name) => UNLISTED.test(name),
});

export type Hashes = {
  /** Lists the files of a checkpoint. Not synced. Returns the list's own hash. Throws if one changes meanwhile, or can't be read. */
  list(checkpoint: string): Promise<string>;
  /** As damageIn(). @param limit bytes that are read at most */
  damage(checkpoint: string, hash: string, limit: number): Promise<string | undefined>;
};

/** @param threads see hashing() */
export const inThisProcess = (threads: boolean): Hashes => ({
  async list(checkpoint) {
    const sums = summing(listed(checkpoint, threads));
    await sums.update();
    return sums.write();
  },
  damage: async (checkpoint, hash, limitBytes) => damageIn(listed(checkpoint, threads), { hash, limitBytes }),
});

/** Of less than that the hashes are made before another process would have started. */
const LARGE_BYTES = 32 * 1024 * 1024;

/** What is large in a process that lives no longer than that: it takes memory, and hangs where the store does. */
export const bySize: Hashes = {
  list: async (checkpoint) =>
    (await isLarge(checkpoint)) ? child('list', checkpoint) : inThisProcess(false).list(checkpoint),
  damage: async (checkpoint, hash, limit) =>
    (await isLarge(checkpoint))
      ? (await child('damage', checkpoint, hash, String(limit))) || undefined
      : inThisProcess(false).damage(checkpoint, hash, limit),
};

async function isLarge(checkpoint: string): Promise<boolean> {
  let bytes = 0;
  for await (const { status } of everythingIn(listed(checkpoint, false))) {
    bytes += Number(status?.size ?? 0) + FILE_BYTES;
    if (bytes > LARGE_BYTES) return true;
  }
  return false;
}

/** What a file costs besides its contents, in bytes of contents. */
const FILE_BYTES = 32 * 1024;

/** Beside what is running: this file is bundled into dist/. */
const PROGRAM = path.join(import.meta.dirname, 'sums.js');

const child = async (...words: string[]): Promise<string> =>
  mustRun([process.execPath, PROGRAM, ...words], { deadlineSeconds: 'none' });

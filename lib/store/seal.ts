// What makes a checkpoint's damage show: a list of its files with their hashes, whose own hash is in the manifest, which is
// sealed in turn. `sha256sum --check manifest.sha256` tells whether that is still whole.
import path from 'node:path';
import { mustRun } from '../system/exec.ts';
import { damageIn } from './damage.ts';
import { summing, type Listed } from './sums.ts';

export const MANIFEST = 'manifest.json';
export const SEAL = 'manifest.sha256';
/** How far the job's output reached, when it was restored: written later than all else. */
export const MARKS = 'restored.json';

/** CRIU writes its statistics last of all, when the checkpoint may be complete already. */
const UNLISTED = /^(manifest\.json|manifest\.sha256|restored\.json(\.new)?|images\/stats-\w+)$/;

const listed = (checkpoint: string): Listed => ({
  folder: checkpoint,
  list: 'files',
  isLeftOut: (name) => UNLISTED.test(name),
});

export type Hashes = {
  /** Lists the files of a checkpoint. Not synced. Returns the list's own hash. Throws if one changes meanwhile, or can't be read. */
  list(checkpoint: string): Promise<string>;
  /** As damageIn(). @param limit bytes that are read at most */
  damage(checkpoint: string, hash: string, limit: number): Promise<string | undefined>;
};

export const inThisProcess: Hashes = {
  async list(checkpoint) {
    const sums = summing(listed(checkpoint));
    await sums.update();
    return sums.write();
  },
  damage: async (checkpoint, hash, limitBytes) => damageIn(listed(checkpoint), { hash, limitBytes }),
};

/** Beside what is running: this file is bundled into dist/. */
const PROGRAM = path.join(import.meta.dirname, 'sums.js');

/** In a process that lives no longer than that: it takes memory, and hangs where the store does. */
export const inChild: Hashes = {
  list: async (checkpoint) => child('list', checkpoint),
  damage: async (checkpoint, hash, limit) => (await child('damage', checkpoint, hash, String(limit))) || undefined,
};

const child = async (...words: string[]): Promise<string> =>
  mustRun([process.execPath, PROGRAM, ...words], { deadlineSeconds: 'none' });

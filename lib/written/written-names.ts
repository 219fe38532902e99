// Under which name the next run finds a file that the tree writes.
import type { BigIntStats } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { isMissing, reasonOf } from '../errors.ts';
import type { Writer } from '../tree/writers.ts';

export type Named = {
  readonly path: string;
  /** Tells it from others on this node, now. */
  readonly id: string;
  /** statfs(2)'s magic number. */
  readonly fileSystem: number;
};

/** statfs(2): what looks like a file in proc, sysfs, cgroup and cgroup2 is none. */
const WITHOUT_DATA = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270]);

const REMOVED = / \(deleted\)$/;
/** Renamed by NFS because it was removed while open; it goes when it is closed. */
const SILLY = /\/\.nfs[0-9a-f]+$/;

/**
 * Undefined: there is nothing to find again, for it is no regular file, or was removed, and goes along in CRIU's images.
 * Throws where that can't be told, and of a file that was removed and is still there: the name that CRIU gives it
 * (link_remap.N) goes when the tree runs on (cr_dump_finish in its cr-dump.c).
 */
export async function nameOf({ path: name, by }: Writer): Promise<Named | undefined> {
  try {
    return 'descriptor' in by ? await opened(name, by.descriptor) : await mapped(name, by.inode);
  } catch (error) {
    throw new Error(`${name}, which the job writes, can't be noted: ${reasonOf(error)}`, { cause: error });
  }
}

async function opened(name: string, descriptor: string): Promise<Named | undefined> {
  const itself = await stat(descriptor, { bigint: true });
  if (!itself.isFile() || itself.nlink === 0n) return undefined;
  const fileSystem = (await statfs(descriptor)).type;
  if (WITHOUT_DATA.has(fileSystem)) return undefined; // and by its name it would be another process's
  const found = await statOf(name);
  if (SILLY.test(name) || !found || idOf(found) !== idOf(itself))
    throw new Error(
      'it was removed or replaced, and is still there; close it before the checkpoint, or make it in TMPDIR',
    );
  return { path: name, id: idOf(itself), fileSystem };
}

/** Only root may follow a mapping to its file. */
async function mapped(name: string, inode: bigint): Promise<Named | undefined> {
  const found = await statOf(name);
  if (REMOVED.test(name) && found?.ino !== inode) return undefined;
  if (SILLY.test(name) || !found)
    throw new Error('it was removed, and is still there; unmap it before the checkpoint, or make it in TMPDIR');
  return found.isFile() ? { path: name, id: idOf(found), fileSystem: (await statfs(name)).type } : undefined;
}

async function statOf(name: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(name, { bigint: true });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const idOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;

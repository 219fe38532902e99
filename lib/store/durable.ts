import { open, readdir, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { saysMissing } from '../errors.ts';

/** Makes names in a folder survive a power cut. Some network file systems know no sync of folders and need none. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF'].includes(code)) throw error;
  } finally {
    await folder.close();
  }
}

/** Renames a file or folder; false when there is none, as when another process was faster. */
export async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (saysMissing(error)) return false;
    throw error;
  }
}

/** What a file holds; undefined when there is none, or it cannot be read as this. Throws when that cannot be known. */
export async function readJson<T>(
  file: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (saysMissing(error)) return undefined;
    throw error;
  }
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Gives a file new contents, whole and durable, at once. */
export async function replaceJson(file: string, value: unknown): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(value)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/** Syncs every regular file below a folder, and the folders. Returns the bytes that lie there. */
export async function syncTree(path: string): Promise<number> {
  const bytes = await eachFile(path, async (file) => {
    await file.sync();
    return (await file.stat()).size;
  });
  await syncFolder(path);
  return bytes;
}

/** Between two rounds of syncs, in milliseconds; what is written sooner than that needs none of them. */
const SYNC_EVERY_MS = 150;

/**
 * Syncs what is being written below a folder, again and again, until it is complete: so that little is left to be synced then.
 * Throws what the file system says: a write that failed is told of once, so nobody may pass over it.
 */
export async function syncMeanwhile(path: string, complete: Promise<unknown>): Promise<void> {
  const { signal } = endOf(complete);
  while (!signal.aborted) {
    await sleep(SYNC_EVERY_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await syncTree(path);
  }
}

function endOf(work: Promise<unknown>): AbortController {
  const end = new AbortController();
  const abort = (): void => end.abort();
  work.then(abort, abort);
  return end;
}

const PROBE_BYTES = 1 << 20;

/** Whether a folder takes no more bytes, and why: it has no space left, or its owner's quota is used up. */
export async function fullOf(path: string): Promise<'ENOSPC' | 'EDQUOT' | undefined> {
  const probe = join(path, '.probe');
  try {
    await writeFile(probe, Buffer.alloc(PROBE_BYTES), { flush: true });
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    if (-errno === constants.errno.ENOSPC) return 'ENOSPC';
    if (-errno === constants.errno.EDQUOT) return 'EDQUOT';
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
  return undefined;
}

/** The bytes in the regular files below a folder. */
export const bytesIn = async (path: string): Promise<number> =>
  eachFile(path, async (file) => (await file.stat()).size);

async function eachFile(
  path: string,
  size: (file: FileHandle) => Promise<number>,
): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true });
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) return eachFile(inside, size);
      if (!entry.isFile()) return 0;
      await using file = await openIfThere(inside);
      return file ? await size(file) : 0;
    }),
  );
  return sizes.reduce((sum, each) => sum + each, 0);
}

/** A file may be gone again: criu makes some for the time of its work. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (saysMissing(error)) return undefined;
    throw error;
  }
}

// Files that a tree writes to, compared with what was noted of them.
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf } from '../errors.ts';
import { edgeOf, type Written } from '../store/written.ts';
import { differences, digest } from '../system/contents.ts';
import { each } from '../system/each.ts';

export const O_LOOK = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK; // it may be a pipe by now

/** Those that the tree goes on with: others may have written to them while it didn't run. */
export async function asTheyAre(files: readonly Written[], checkpoint: string): Promise<Written[]> {
  const now = await each(files, async (file) => asItIs(file, checkpoint).catch(() => undefined)); // CRIU names what it lacks
  return now.filter((file) => file !== undefined);
}

async function asItIs({ copy, ...file }: Written, checkpoint: string): Promise<Written> {
  await using handle = await open(file.path, O_LOOK);
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  const now = { ...file, size: Number(size), mtime: String(mtimeNs) };
  const hash = await digest(handle, now.size, edgeOf(file));
  const isCopy =
    copy !== undefined && now.size === file.size && !(await differs(now, handle, path.join(checkpoint, copy)));
  return { ...now, hash, ...(isCopy && { copy }) };
}

export async function differs({ size }: Written, now: FileHandle, copy: string): Promise<boolean> {
  try {
    await using then = await open(copy, 'r');
    const { done } = await differences(then, now, size).next();
    return done !== true;
  } catch (error) {
    throw new Error(`can't be compared with its copy, ${copy} (${reasonOf(error)})`, { cause: error });
  }
}

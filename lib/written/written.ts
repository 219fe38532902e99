// Files outside of TMPDIR that the tree may write to. In a snapshot they are noted: should the node be lost, what the tree
// wrote to them after it is undone, for it writes that again (ready-written.ts).
import { constants, realpathSync } from 'node:fs';
import { access, chmod, copyFile, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import { edgeOf, LARGE_BYTES, type Written } from '../store/written.ts';
import { digest } from '../system/contents.ts';
import { each } from '../system/each.ts';
import { writersIn, type Writer } from '../tree/writers.ts';
import { nameOf, type Named } from './written-names.ts';

type Wanted = {
  /** Files, and folders with all that is in them, which are not looked at. */
  readonly except: readonly string[];
  /** The draft's folder. */
  readonly into: string;
};
type Used = Named & { readonly writers: readonly Writer[] };

/** While CRIU holds the tree. Throws, naming the file, where one could not be laid back as it is. */
export async function noteWritten(root: number, { except, into }: Wanted): Promise<Written[]> {
  const left = except.flatMap((name) => (path.isAbsolute(name) ? [name, realPath(name)] : [])); // as the kernel names them
  const isLeft = (name: string): boolean => left.some((one) => name === one || name.startsWith(`${one}/`));
  const writers = writersIn(root).filter((writer) => !isLeft(writer.path));
  const named = await each(writers, nameOf);
  const files = new Map<string, Used>();
  for (const [at, name] of named.entries())
    if (name) files.set(name.id, { ...name, writers: [...(files.get(name.id)?.writers ?? []), writers[at]!] });
  const noted = await each([...files.values()], async (file, at) => note(file, path.join(into, `written-${at + 1}`)));
  await sleep(Math.max(0, ...noted.map((file) => standsStill(file, Date.now()))));
  return noted;
}

async function note(file: Used, copy: string): Promise<Written> {
  try {
    await access(file.path, constants.R_OK | constants.W_OK); // as the restore has to
    return await noteReadable(file, copy);
  } catch (error) {
    throw new Error(`${file.path}, which the job writes, can't be noted: ${reasonOf(error)}`, { cause: error });
  }
}

async function noteReadable(file: Used, copy: string): Promise<Written> {
  await using handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let status = await handle.stat({ bigint: true });
  const how = howWritten(file.writers, Number(status.size));
  const isCopied = how === 'in-place' && status.size <= LARGE_BYTES;
  if (how === 'in-place' && !isCopied) {
    if (isTimeless(file)) throw new Error(`it is too large to be kept, and shows no changes; ${BELONGS}`);
    await handle.sync(); // the time of what an NFS server has not seen is not the last; and see ../tree/mapped.ts
    status = await handle.stat({ bigint: true });
  }
  const [size, mtime] = [Number(status.size), String(status.mtimeNs)];
  const hash = await digest(handle, size, edgeOf({ how }));
  if (isCopied) await copyTo(copy, file.path, size);
  return { path: file.path, size, mtime, how, hash, ...(isCopied && { copy: path.basename(copy) }) };
}

export const BELONGS = 'files that are changed in their middle belong in TMPDIR, which is saved with the job';

/** @param size of the file, in bytes */
export function howWritten(writers: readonly Writer[], size: number): Written['how'] {
  const modes = new Set(writers.map((writer) => modeOf(writer, size)));
  return (['in-place', 'at-end'] as const).find((mode) => modes.has(mode)) ?? 'appended';
}

function modeOf({ by }: Writer, size: number): Written['how'] {
  if (!('descriptor' in by)) return 'in-place';
  if (by.appends) return 'appended';
  return !by.reads && by.position >= size ? 'at-end' : 'in-place';
}

/** statfs(2): a write through a mapping sets no time in tmpfs, ramfs and hugetlbfs. */
const TIMELESS = new Set([0x01021994, 0x858458f6, 0x958458f6]);

const isTimeless = ({ fileSystem, writers }: Used): boolean =>
  TIMELESS.has(fileSystem) && writers.some(({ by }) => !('descriptor' in by));

async function copyTo(copy: string, file: string, size: number): Promise<void> {
  await copyFile(file, copy, constants.COPYFILE_FICLONE);
  await chmod(copy, 0o600); // whatever the file's own mode is
  if ((await stat(copy)).size < size) throw new Error('somebody else is making it shorter');
}

const [SECOND_NS, SECOND_MS, TICK_MS, CLOCKS_APART_MS] = [1_000_000_000n, 1000, 10, 60_000];

/**
 * For so many milliseconds the tree must stand still, lest a change that it then makes be given the same time again. Only where
 * there is no copy to compare with. Kernels tell the time in ticks, Lustre and sshfs in seconds, and by the server's clock.
 * @param now in milliseconds since the epoch
 */
export function standsStill({ how, copy, mtime }: Written, now: number): number {
  if (how !== 'in-place' || copy !== undefined) return 0;
  const time = BigInt(mtime);
  const isRecent = Math.abs(now - Number(time / 1_000_000n)) < SECOND_MS + CLOCKS_APART_MS;
  return isRecent ? (time % SECOND_NS === 0n ? SECOND_MS : 2 * TICK_MS) : 0;
}

/** So that a power cut leaves nothing shorter than it was noted (PROTOCOL.md, C1). Before the commit. */
export async function flushWritten(files: readonly Pick<Written, 'path'>[]): Promise<void> {
  await each(files, async ({ path: file }) => {
    try {
      await using handle = await openAtAll(file);
      await handle.sync(); // whoever wrote it, and by which descriptor
    } catch (error) {
      throw new Error(`${file}, which the job writes, can't be flushed (${reasonOf(error)})`, { cause: error });
    }
  });
}

const openAtAll = async (file: string) =>
  open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(async () =>
    open(file, constants.O_WRONLY | constants.O_NOFOLLOW),
  );

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

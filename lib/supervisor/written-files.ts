import { createHash } from 'node:crypto';
import { open, stat, truncate } from 'node:fs/promises';

import { reasonOf, Refusal } from '../errors.ts';
import type { CutOff } from '../store/cut-off.ts';
import type { Growth } from '../store/growth.ts';
import type { Manifest } from '../store/manifest.ts';
import { CLOCKS_APART_MS } from '../time.ts';
import type { OpenFile, ProcessFacts } from '../tree/facts.ts';

type Noted = Manifest['files'][number];

const TAIL_BYTES = 64 * 1024;

/**
 * Notes the regular files that the tree has open for writing, but for those that are carried along, so that all that it writes to
 * them after the checkpoint can be undone.
 * @param carried paths of outputs, and the folder of TMPDIR
 */
export async function noteWrittenFiles(
  facts: readonly ProcessFacts[],
  carried: { outputs: readonly string[]; scratch: string | undefined },
): Promise<Noted[]> {
  const isCarried = (path: string): boolean =>
    carried.outputs.includes(path) ||
    (carried.scratch !== undefined && path.startsWith(`${carried.scratch}/`));
  const appendedByPath = new Map<string, boolean>();
  const appendOnlyByPath = new Map<string, boolean>();
  for (const file of facts.flatMap(({ files }) => files)) {
    if (file.kind !== 'file' || !file.writable || file.deleted || isCarried(file.path)) continue;
    appendedByPath.set(file.path, isAppended(file) && (appendedByPath.get(file.path) ?? true));
    appendOnlyByPath.set(
      file.path,
      file.appending && !file.readable && (appendOnlyByPath.get(file.path) ?? true),
    );
  }
  // A mapping writes anywhere, also when its descriptor is closed.
  for (const { path, shared } of facts.flatMap(({ mapped }) => mapped)) {
    if (shared && !isCarried(path)) appendedByPath.set(path, false);
  }
  const noted = await Promise.all(
    [...appendedByPath].map(async ([path, appended]) => {
      const found = await stat(path);
      if (!found.isFile()) return [];
      const { mtimeMs, size } = found;
      const appendOnly = appended && appendOnlyByPath.get(path) === true;
      return [{ path, size, mtimeMs, appended, appendOnly, tail: await tailOf(path, size) }];
    }),
  );
  return noted.flat();
}

/** Lustre and sshfs tell in whole seconds when a file was changed. */
const COARSEST_MS = 1000;

/**
 * How long the tree must stand still after its files were noted, in milliseconds, so that whatever it writes then gives them another time: one
 * that it changes in its middle looks unchanged otherwise. Only a file that was just changed may be changed again with the same time.
 * @param noted when that was, in milliseconds since the epoch
 */
export const standsStillFor = (files: readonly Noted[], noted: number): number =>
  files.some(
    ({ appended, mtimeMs }) =>
      !appended &&
      mtimeMs % COARSEST_MS === 0 &&
      Math.abs(noted - mtimeMs) < CLOCKS_APART_MS + COARSEST_MS,
  )
    ? COARSEST_MS
    : 0;

/** Opened for appending, or for writing alone and standing at its end, as by a shell's `>`. */
const isAppended = (file: OpenFile): boolean =>
  file.appending || (!file.readable && file.position === file.size);

/**
 * Undoes what the tree has written to a file since the checkpoint, for it will write it again. Throws Refusal, naming the file,
 * where that cannot be: it is gone, shorter, replaced, was changed elsewhere than at its end, or is written by other jobs, too.
 * @returns the bytes that were cut off
 */
export async function undoWrites(noted: Noted, growth: Growth, others: Others): Promise<number> {
  const { path, size } = noted;
  let now: { size: number; mtimeMs: number };
  try {
    now = await stat(path);
  } catch (error) {
    throw new Refusal(`${path}, which the job has open, cannot be reached (${reasonOf(error)})`, {
      cause: error,
    });
  }
  if (now.size === size && now.mtimeMs === noted.mtimeMs) return 0;
  if (now.size < size) {
    throw new Refusal(
      `${path}, which the job writes, has become shorter since the checkpoint (${now.size} bytes instead of ${size}): put it back as it was`,
    );
  }
  if ((await tailOf(path, size)) !== noted.tail) {
    throw new Refusal(
      `${path}, which the job writes, is not the file any more that it was at the checkpoint: put it back as it was`,
    );
  }
  if (!noted.appended) {
    throw new Refusal(
      `${path}, which the job reads and writes, has changed since the checkpoint and cannot be put back: files that are changed in their middle belong in TMPDIR, which is saved with the job`,
    );
  }
  const end = growth.by === 'others' ? now.size : Math.min(now.size, endOfOthers(noted, growth));
  if (end > size && noted.appendOnly === false) {
    throw new Refusal(
      `${path}, which the job writes, has grown while the job did not run: somebody else writes it, too. Leave no more of it than its first ${size} bytes, and open it for appending`,
    );
  }
  if (now.size === end) return 0;
  await others.spare(path, end, now.size);
  await truncate(path, end);
  return now.size - end;
}

/** Where a file ended when the tree was last about to run. */
export const endOfOthers = (
  { path, size }: { readonly path: string; readonly size: number },
  growth: Extract<Growth, { by: 'anybody' }>,
): number => Math.max(size, growth.from[path] ?? size);

/** Whoever else may have written a file that is about to be cut. */
export class Others {
  readonly #known: (path: string) => Promise<readonly number[]>;
  readonly #cutOff: Pick<CutOff, 'keep'>;

  /** @param known other jobs that write a file, as far as that can be known */
  constructor(known: (path: string) => Promise<readonly number[]>, cutOff: Pick<CutOff, 'keep'>) {
    this.#known = known;
    this.#cutOff = cutOff;
  }

  /** Keeps what will be cut off, for those whom nobody knows. Throws Refusal when there is one whom we know. */
  async spare(path: string, from: number, to: number): Promise<void> {
    const [writer] = await this.#known(path);
    if (writer !== undefined) throw new Refusal(sharedWith(writer, path, from));
    await this.#cutOff.keep(path, from, to);
  }
}

/** What is said of a file from which nothing can be cut off without another job's loss. */
const sharedWith = (writer: number, path: string, end: number): string =>
  `${path}, which the job appends to, is written by job ${writer}, too: what each of them has written since the checkpoint cannot be told apart. Keep a copy, leave no more of it than its first ${end} bytes, and add the other's lines again later; a file for each job spares you that`;

async function tailOf(path: string, size: number): Promise<string> {
  const length = Math.min(size, TAIL_BYTES);
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
}

// Before a restore (PROTOCOL.md, R8): files that the tree wrote to after its checkpoint become what they were, for it will write
// that again.
import { constants } from 'node:fs';
import { access, mkdir, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isMissing, isNodes, NodeError, reasonOf } from '../errors.ts';
import { syncFoldersOf } from '../store/durable.ts';
import { edgeOf, type Written } from '../store/written.ts';
import { differences, digest, pieces } from '../system/contents.ts';
import { each } from '../system/each.ts';
import { writeAt } from '../system/write.ts';
import { differs, O_LOOK } from './as-written.ts';
import { BELONGS } from './written.ts';

/** Of what is cut off a file, so much is kept: others may have written it. */
const KEPT_BYTES = 64 * 1024 * 1024;

const O_CHANGE = constants.O_RDWR | constants.O_NOFOLLOW; // never another inode: others may have it open

type Step = {
  readonly file: Written;
  /** How far it reaches now, in bytes. */
  readonly size: number;
  /** The one that is laid back; none: its end is cut off. */
  readonly copy: string | undefined;
  /** The folder in which what is cut off is kept. */
  readonly keep: string;
};

/**
 * While nothing of the tree runs. It may be interrupted, and begun again. Throws before anything is changed, naming the files
 * that can't be made what they were. @returns what was done, for the job's owner to read
 */
export async function readyWritten(files: readonly Written[], checkpoint: string): Promise<string[]> {
  const looked = await each(files, async (file) => look(file, checkpoint));
  const steps = looked.filter((step) => step !== undefined);
  await each(steps, async (step) => (step.copy === undefined ? keep(step, step.file.size, step.size) : undefined));
  return each(steps, async (step) => (step.copy === undefined ? cut(step) : layBack(step.file, step.copy)));
}

/** Undefined: it is as it was. */
async function look(file: Written, checkpoint: string): Promise<Step | undefined> {
  try {
    await using handle = await open(file.path, O_LOOK);
    const status = await handle.stat({ bigint: true });
    if (!status.isFile()) throw new Error(`is no file any more: ${PUT_BACK}`);
    const now = { size: Number(status.size), mtime: String(status.mtimeNs) };
    const copy = file.copy === undefined ? undefined : path.join(checkpoint, file.copy);
    if (copy === undefined) await mustBeTheSame(file, handle, now);
    // Its time is not asked where there is a copy: it may have been changed within the tick in which it was noted.
    if (now.size === file.size && (copy === undefined || !(await differs(file, handle, copy)))) return undefined;
    await access(file.path, constants.W_OK);
    return { file, size: now.size, copy, keep: path.join(path.dirname(checkpoint), 'undone') };
  } catch (error) {
    const Kind = isMissing(error) || isNodes(error) ? NodeError : Error;
    throw new Kind(`${file.path}, which the job writes, ${objection(error)}`, { cause: error });
  }
}

function objection(error: unknown): string {
  if (isMissing(error)) return `is no longer there: ${PUT_BACK}`;
  const isSystems = error instanceof Error && 'code' in error;
  return isSystems ? `can't be made what it was at the checkpoint (${error.message})` : reasonOf(error);
}

const PUT_BACK = 'put it back as it was at the checkpoint';

/** Up to its size then; and beyond, where more than its end may have been changed. */
async function mustBeTheSame(file: Written, handle: FileHandle, now: Pick<Written, 'size' | 'mtime'>): Promise<void> {
  const { size, mtime, how, hash } = file;
  if (now.size < size)
    throw new Error(`has become shorter since the checkpoint (${now.size} bytes instead of ${size}): ${PUT_BACK}`);
  const isSame = (await digest(handle, size, edgeOf(file))) === hash;
  if (how === 'in-place' && !(isSame && now.size === size && now.mtime === mtime))
    throw new Error(
      `was changed since the checkpoint, and was too large to be kept with it: ${PUT_BACK}; ${BELONGS}${isSame && now.size > size ? ifItGrew(file) : ''}`,
    );
  if (isSame) return;
  const advice = how === 'at-end' ? `; ${BELONGS}` : '';
  throw new Error(`is another than at the checkpoint, or its first ${size} bytes were changed: ${PUT_BACK}${advice}`);
}

/** Nobody can tell but its owner. With its old size and time it counts as unchanged. */
const ifItGrew = ({ size, mtime }: Written): string =>
  `. If it only grew: truncate --size=${size} FILE; touch --date=@${seconds(mtime)} FILE`;

/** As touch(1) takes them. */
const seconds = (mtime: string): string => `${mtime.slice(0, -9) || '0'}.${mtime.slice(-9).padStart(9, '0')}`;

/** Only what differs. Its length comes last: shorter it would be another file to whoever begins again. */
async function layBack({ path: file, size }: Written, copy: string): Promise<string> {
  await using now = await open(file, O_CHANGE);
  await using then = await open(copy, 'r');
  for await (const { at, bytes } of differences(then, now, size)) await writeAt(now, bytes, at);
  await now.truncate(size);
  await now.sync();
  return `${file} was changed, and is again what it was`;
}

async function cut(step: Step): Promise<string> {
  const { file, size } = step;
  await using now = await open(file.path, O_CHANGE);
  const end = (await now.stat()).size;
  await keep(step, size, end); // of others, who don't stand still
  await now.truncate(file.size);
  await now.sync();
  const kept =
    end - file.size > KEPT_BYTES ? `of what was cut off the first ${KEPT_BYTES} bytes are` : 'what was cut off is';
  return `${file.path} had grown, and was cut back to ${file.size} bytes; ${kept} kept in ${keptIn(step)}`;
}

/** By its whole path: a program may write a file of the same name in many folders. */
const keptIn = ({ keep: folder, file }: Step): string => path.join(folder, file.path);

/** Durable before it is cut off. What was kept before stays. Throws rather than lose what may be others'. */
async function keep(step: Step, from: number, to: number): Promise<void> {
  const end = Math.min(to, step.file.size + KEPT_BYTES);
  if (from >= end) return;
  try {
    await copyPart(step.file.path, { from, end, to: keptIn(step) });
    await syncFoldersOf(keptIn(step), path.dirname(step.keep));
  } catch (error) {
    const [file, size] = [step.file.path, step.file.size];
    throw new Error(`what ${file} has had after its first ${size} bytes can't be kept (${reasonOf(error)})`, {
      cause: error,
    });
  }
}

type Part = { readonly from: number; readonly end: number; readonly to: string };

async function copyPart(file: string, { from, end, to }: Part): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  await using kept = await open(to, 'a', 0o600);
  await using now = await open(file, O_LOOK);
  for await (const { bytes } of pieces(now, from, end)) await kept.appendFile(bytes);
  await kept.sync();
}

// The files of the job's output and errors. Slurm empties them at a requeue, unless the job (--open-mode=append) or the
// site (JobFileAppend=1) has it append: so what is in them goes along with a checkpoint.
import { constants, existsSync, readlinkSync, statSync } from 'node:fs';
import { copyFile, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../errors.ts';
import type { Manifest } from '../store/manifest.ts';
import { writeAt } from '../system/write.ts';
import type { Marks } from './marks.ts';
import { undo } from './undo.ts';

type Output = Manifest['outputs'][number];

/** A larger one isn't copied for every checkpoint where the site has Slurm append. */
const LARGE_BYTES = 64 * 1024 * 1024;
const BEGINNING_BYTES = 64 * 1024;

/** Into the folder of a draft, while nothing of the tree runs. @param siteAppends asked only for large ones */
export async function saveOutputs(
  root: number,
  folder: string,
  siteAppends: () => Promise<boolean>,
): Promise<Output[]> {
  const outputs: Output[] = [];
  for (const [at, file] of outputFiles(root).entries()) {
    const { size } = await stat(file);
    const copy = size <= LARGE_BYTES || !(await siteAppends()) ? `output-${at + 1}` : undefined;
    if (copy !== undefined) await copyFile(file, path.join(folder, copy), constants.COPYFILE_FICLONE);
    outputs.push({ path: file, size, ...(copy !== undefined && { copy }) });
  }
  return outputs;
}

/**
 * Slurm's of this run, and the tree's, which stay those of the first run where a name has the node in it (%N). Each once;
 * one that was removed goes along in CRIU's images.
 */
export function outputFiles(...roots: number[]): string[] {
  const descriptors = ['self', ...roots].flatMap((pid) => [1, 2].map((fd) => `/proc/${pid}/fd/${fd}`));
  const files = descriptors.filter(isLinkedFile).map((descriptor) => readlinkSync(descriptor));
  return [...new Set(files)].filter((file) => existsSync(file));
}

function isLinkedFile(descriptor: string): boolean {
  const status = statSync(descriptor, { throwIfNoEntry: false });
  return status?.isFile() === true && status.nlink > 0;
}

/**
 * Before the tree goes on: each holds what it wrote until the checkpoint, once. Returns where text is that was taken out.
 * @param marks undefined: the tree has not written anything since
 */
export async function readyOutputs(
  outputs: readonly Output[],
  checkpoint: string,
  marks: Marks | undefined,
): Promise<string[]> {
  const emptied = await layBackOutputs(outputs, checkpoint);
  return marks ? undo(marks, path.dirname(checkpoint), emptied) : [];
}

/**
 * What Slurm has emptied gets its text back, before what was written there since. Throws where there is none to lay back.
 */
export async function layBackOutputs(outputs: readonly Output[], folder: string): Promise<string[]> {
  const emptied: string[] = [];
  for (const output of outputs) {
    const copy = output.copy === undefined ? undefined : path.join(folder, output.copy);
    try {
      if (!(await wasEmptied(output, copy))) continue;
    } catch (error) {
      if (isMissing(error)) continue; // CRIU names a file that the tree needs and that is not there
      throw error;
    }
    if (copy === undefined) throw new Error(tooLarge(output));
    await putBefore(copy, output);
    emptied.push(output.path);
  }
  return emptied;
}

/** The lines of a new run may have made it as long again as it was: then its beginning tells. */
async function wasEmptied({ path: file, size }: Output, copy: string | undefined): Promise<boolean> {
  if ((await stat(file)).size < size) return true;
  const length = Math.min(size, BEGINNING_BYTES);
  return copy !== undefined && !(await beginning(copy, length)).equals(await beginning(file, length));
}

async function beginning(file: string, length: number): Promise<Buffer> {
  await using handle = await open(file, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
  return buffer.subarray(0, bytesRead);
}

async function putBefore(copy: string, { path: file, size }: Output): Promise<void> {
  await using target = await open(file, 'r+');
  await using source = await open(copy, 'r');
  const since = await target.readFile();
  let at = 0;
  for await (const chunk of source.createReadStream({ end: size - 1, autoClose: false })) {
    await writeAt(target, Buffer.from(chunk), at);
    at += chunk.length;
  }
  await writeAt(target, since, at);
}

const tooLarge = ({ path: file, size }: Output): string =>
  `its output file ${file} was emptied at the requeue, and was too large to be kept with the checkpoint (${size} bytes). Put it back; or, to go on without it: truncate --size=${size} FILE`;

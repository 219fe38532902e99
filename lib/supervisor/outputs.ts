import { copyFile, open, readFile, stat } from 'node:fs/promises';
import { fstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { Refusal, saysMissing } from '../errors.ts';
import type { Growth } from '../store/growth.ts';
import type { Manifest } from '../store/manifest.ts';
import { MID_LINE_PREFIX, PREFIX } from './say.ts';
import { endOfOthers, type Others } from './written-files.ts';

type Noted = Manifest['outputs'][number];

/** The regular files that Slurm opened as the job's output, each once. Slurm appends to them in every mode (slurmstepd/io.c). */
export function outputFiles(): { path: string; size: number }[] {
  const files = [1, 2].flatMap((fd) => {
    try {
      const file = fstatSync(fd);
      return file.isFile() ? [{ path: readlinkSync(`/proc/self/fd/${fd}`), size: file.size }] : [];
    } catch {
      return [];
    }
  });
  return files.filter(
    ({ path }, index) => files.findIndex((other) => other.path === path) === index,
  );
}

/** Notes the outputs' sizes and keeps copies with the checkpoint, since Slurm may empty them at the requeue. */
export async function noteOutputs(folder: string, copyLimit: number): Promise<Noted[]> {
  return Promise.all(
    outputFiles().map(async ({ path, size }, index) => {
      if (size > copyLimit) return { path, size };
      const copy = `output.${index + 1}`;
      await copyFile(path, join(folder, copy));
      return { path, size, copy };
    }),
  );
}

/**
 * Makes an output file what it was at the checkpoint: text that the program wrote after it goes, for it will be written again; lines
 * of ours and of slurmstepd's stay. A file that Slurm has emptied gets its text back. Throws Refusal when the text is lost, or is not the
 * program's alone.
 */
export async function layBackOutput(
  noted: Noted,
  checkpointFolder: string,
  growth: Growth,
  others: Others,
): Promise<void> {
  let size: number;
  try {
    ({ size } = await stat(noted.path));
  } catch (error) {
    // The new run's output has another name (%N): nothing to mend.
    if (saysMissing(error)) return;
    throw error;
  }
  const before =
    noted.copy === undefined
      ? undefined
      : (await readFile(join(checkpointFolder, noted.copy))).subarray(0, noted.size);
  // The new run's first lines may have made an emptied file as long again as it was: its beginning tells.
  const emptied =
    size < noted.size || (before && !before.equals(await readPart(noted.path, 0, noted.size)));
  if (!emptied) {
    if (growth.by === 'others') return;
    const end = Math.min(size, endOfOthers(noted, growth));
    const tail = await readPart(noted.path, end, size);
    const kept = Buffer.from(linesOfOthers(tail.toString('latin1')), 'latin1');
    if (kept.length === tail.length) return;
    await others.spare(noted.path, end, size);
    const last = await readPart(noted.path, Math.max(0, end - 1), end);
    await replaceTail(noted.path, end, Buffer.concat([breakFor(last, kept), kept]));
    return;
  }
  if (!before) {
    throw new Refusal(
      `the output file ${noted.path} has become shorter than at the checkpoint (was it emptied? sbatch --open-mode=append keeps it), and was too large to be kept with it`,
    );
  }
  const now = await readPart(noted.path, 0, size);
  const kept =
    growth.by === 'others' ? now : Buffer.from(linesOfOthers(now.toString('latin1')), 'latin1');
  await replaceTail(noted.path, 0, Buffer.concat([before, breakFor(before, kept), kept]));
}

/** What parts a half line of the program's from whole lines of others that follow it, to be joined again by `programsOwn`. */
function breakFor(before: Buffer, kept: Buffer): Buffer {
  const wholeLine = before.length === 0 || before.at(-1) === 0x0a;
  if (wholeLine || kept.length === 0 || kept[0] === 0x0a) return Buffer.alloc(0);
  return Buffer.from(`\n${MID_LINE_PREFIX}the line goes on after the next ones\n`);
}

/** The lines of a job's output that are ours or slurmstepd's, with the line break that ours may begin with. */
export function linesOfOthers(text: string): string {
  const ours = `\\[${PREFIX.slice(1, -2)}\\] `;
  const midLine = `\\[${MID_LINE_PREFIX.slice(1, -2)}\\] `;
  const pattern = new RegExp(
    `\\n${midLine}.*\\n|(?<=^|\\n)(?:${ours}|slurmstepd-\\S+: error: \\*\\*\\* ).*\\n`,
    'g',
  );
  return (text.match(pattern) ?? []).join('');
}

async function readPart(path: string, from: number, to: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function replaceTail(path: string, from: number, text: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(from);
    // A disk that is getting full takes a part.
    for (let done = 0; done < text.length;) {
      done += (await file.write(text, done, text.length - done, from + done)).bytesWritten;
    }
  } finally {
    await file.close();
  }
}

// A tree that is restored from the same checkpoint once more writes again what it wrote since the first time, as when its
// run ended without another checkpoint. That text is taken out of the job's output first, and kept in the store: others
// may write to the same file.
import { appendFile, mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { syncFile, syncFoldersOf } from '../store/durable.ts';
import { UNDONE } from '../store/names.ts';
import { writeAt } from '../system/write.ts';
import type { Marks } from './marks.ts';

/** Lines of others, which nobody writes again: ours, and slurmstepd's. */
const STAYS = /^(?:\[checkpoint\] |slurmstepd-\S+: )/;
const LONG_LINE = 1024 * 1024;

/** @param folder of the job in the store
 *  @param emptied those that Slurm has emptied since: nothing of what the marks mean is in them
 *  @returns the files in which it is kept */
export async function undo(
  { outputs }: Pick<Marks, 'outputs'>,
  folder: string,
  emptied: readonly string[] = [],
): Promise<string[]> {
  const kept: string[] = [];
  for (const { path: file, size } of outputs) {
    const keptIn = path.join(folder, UNDONE, file); // by its whole path: another may have the same name
    if (emptied.includes(file) || !(await takeOut(file, size, { keptIn, top: folder }))) continue;
    kept.push(keptIn);
  }
  return kept;
}

/** `top`: what of its folders is not new. */
type Keeping = { readonly keptIn: string; readonly top: string };

/** False if nothing was written there since but lines that stay. */
async function takeOut(file: string, from: number, { keptIn, top }: Keeping): Promise<boolean> {
  if (!(await stat(file).catch(() => undefined))) return false;
  await using output = await open(file, 'r+');
  let [stays, taken] = ['', false];
  for await (const lines of linesOf(output, from)) {
    const goes = lines.filter((line) => !STAYS.test(line)).join('');
    stays += lines.filter((line) => STAYS.test(line)).join('');
    if (goes === '') continue;
    if (!taken) await mkdir(path.dirname(keptIn), { recursive: true, mode: 0o700 });
    taken = true;
    await appendFile(keptIn, Buffer.from(goes, 'latin1'), { mode: 0o600 });
  }
  if (!taken) return false;
  await syncFile(keptIn);
  await syncFoldersOf(keptIn, top);
  const rest = Buffer.from(stays, 'latin1');
  await writeAt(output, rest, from);
  await output.truncate(from + rest.length);
  return true;
}

/** Of any bytes and any length, so many at a time as were read at once; only a very long line comes in pieces. */
async function* linesOf(file: FileHandle, from: number): AsyncGenerator<string[]> {
  let begun = '';
  for await (const chunk of file.createReadStream({ start: from, autoClose: false, encoding: 'latin1' })) {
    const lines = `${begun}${String(chunk)}`.split(/(?<=\n)/);
    const last = lines.at(-1) ?? '';
    begun = last.endsWith('\n') || last.length > LONG_LINE ? '' : last;
    yield begun === '' ? lines : lines.slice(0, -1);
  }
  if (begun !== '') yield [begun];
}

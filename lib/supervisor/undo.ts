// A tree that is restored from the same checkpoint once more writes again what it wrote since the first time, as when its
// run ended without another checkpoint. That text is taken out of the job's output first, and kept in the store: others
// may write to the same file.
import { appendFile, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import { syncFile } from '../store/durable.ts';

const Marks = v.array(v.object({ path: v.string(), size: v.number() }));

/** In the folder of a checkpoint that was restored: how far the outputs reached when it was. */
const marksOf = (checkpoint: string): string => path.join(checkpoint, 'restored.json');

/** Lines of others, which nobody writes again: ours, and slurmstepd's. */
const STAYS = /^(?:\[checkpoint\] |slurmstepd-\S+: )/;

/** @param emptied those that Slurm has emptied since: nothing of what the marks mean is in them
 *  @returns the files in which it is kept */
export async function undo(checkpoint: string, emptied: readonly string[]): Promise<string[]> {
  const text = await readFile(marksOf(checkpoint), 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '[]'; // not restored before
    throw error;
  });
  const kept: string[] = [];
  for (const { path: file, size } of v.parse(Marks, JSON.parse(text))) {
    const keptIn = path.join(path.dirname(checkpoint), 'undone', path.basename(file));
    if (!emptied.includes(file) && (await takeOut(file, size, keptIn))) kept.push(keptIn);
  }
  return kept;
}

/** Durable: the node may be lost at any time after. */
export async function mark(checkpoint: string, files: readonly string[]): Promise<void> {
  const marks: v.InferOutput<typeof Marks> = [];
  for (const file of files) {
    const status = await stat(file).catch(() => undefined);
    if (status) marks.push({ path: file, size: status.size });
  }
  await writeFile(marksOf(checkpoint), JSON.stringify(marks), { mode: 0o600 });
  for (const changed of [marksOf(checkpoint), checkpoint]) await syncFile(changed);
}

/** False if nothing was written there since that stays not anyway. */
async function takeOut(file: string, from: number, keptIn: string): Promise<boolean> {
  if (!(await stat(file).catch(() => undefined))) return false;
  await using output = await open(file, 'r+');
  let since = '';
  for await (const chunk of output.createReadStream({ start: from, autoClose: false, encoding: 'latin1' }))
    since += chunk;
  const { stays, goes } = parted(since);
  if (goes === '') return false;
  await mkdir(path.dirname(keptIn), { recursive: true, mode: 0o700 });
  await appendFile(keptIn, Buffer.from(goes, 'latin1'), { mode: 0o600 });
  await syncFile(keptIn);
  const rest = Buffer.from(stays, 'latin1');
  await output.write(rest, 0, rest.length, from);
  await output.truncate(from + rest.length);
  return true;
}

/** Lines of any bytes. */
function parted(text: string): { stays: string; goes: string } {
  const parts = { stays: '', goes: '' };
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) parts[STAYS.test(line) ? 'stays' : 'goes'] += line;
  return parts;
}

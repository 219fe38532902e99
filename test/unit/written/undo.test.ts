import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMarks, sizesOf, writeMarks } from '../../../lib/written/marks.ts';
import { undo } from '../../../lib/written/undo.ts';

let folder = '';
const checkpoint = (): string => path.join(folder, '1');
const output = (): string => path.join(folder, 'job.out');
beforeEach(async () => {
  folder = await mkdtemp('/tmp/undo-test-');
  await mkdir(checkpoint());
});
afterEach(async () => rm(folder, { recursive: true }));

const keptOf = (file: string): string => path.join(folder, 'undone', file);
const mark = async (...files: string[]): Promise<void> =>
  writeMarks(checkpoint(), { outputs: await sizesOf(files), written: [] });
const undone = async (...emptied: string[]): Promise<string[]> =>
  undo((await readMarks(checkpoint()))!, folder, emptied);

test('a checkpoint from which nobody has gone on has no marks; an older version marked outputs only', async () => {
  expect(await readMarks(checkpoint())).toBeUndefined();
  const outputs = [{ path: output(), size: 4 }];
  await writeFile(path.join(checkpoint(), 'restored.json'), JSON.stringify(outputs));
  expect(await readMarks(checkpoint())).toEqual({ outputs, written: [] });
});

test('what was written since goes, but for lines of others, and is kept', async () => {
  await writeFile(output(), 'one\n[checkpoint] Requeueing ... 1\n');
  await mark(output(), path.join(folder, 'none'));
  const others = '[checkpoint] restored\nslurmstepd-n1: error: *** JOB 1\n';
  for (const [since, kept] of [
    ['two\n\xff', 'two\n\xff'],
    ['two\n', 'two\n\xfftwo\n'],
  ] as const) {
    await writeFile(output(), Buffer.from(`one\n[checkpoint] Requeueing ... 1\n${others}${since}`, 'latin1'));
    expect(await undone()).toEqual([keptOf(output())]);
    expect(await readFile(output(), 'latin1')).toBe(`one\n[checkpoint] Requeueing ... 1\n${others}`);
    expect(await readFile(keptOf(output()), 'latin1')).toBe(kept);
  }
});

test('a file that was emptied, or that only others wrote to, stays as it is', async () => {
  await writeFile(output(), 'one\n');
  await mark(output());
  await writeFile(output(), 'one\n[checkpoint] two\n');
  expect(await undone()).toEqual([]);
  await writeFile(output(), 'one\ntwo\n');
  expect(await undone(output())).toEqual([]);
  expect(await readFile(output(), 'utf8')).toBe('one\ntwo\n');
});

test('lines that stay are found in much text, and in a line without an end', async () => {
  await writeFile(output(), 'one\n');
  await mark(output());
  const ours = Array.from({ length: 200 }, (_, at) => `[checkpoint] ${at}\n`);
  const programs = ours.map((_, at) => `${'x'.repeat(at * 100)}\n`);
  const endless = 'y'.repeat(3_000_000);
  await writeFile(output(), `one\n${ours.map((line, at) => line + programs[at]).join('')}${endless}`);
  expect(await undone()).toHaveLength(1);
  expect(await readFile(output(), 'utf8')).toBe(`one\n${ours.join('')}`);
  const kept = await readFile(keptOf(output()), 'utf8');
  expect(kept).toBe(`${programs.join('')}${endless}`);
});

test('what two outputs of the same name had is kept apart', async () => {
  const files = ['a/out', 'b/out'].map((name) => path.join(folder, name));
  for (const file of files) {
    await mkdir(path.dirname(file));
    await writeFile(file, '');
  }
  await mark(...files);
  for (const file of files) await writeFile(file, `${file}\n`);
  expect(await undone()).toEqual(files.map(keptOf));
  for (const file of files) expect(await readFile(keptOf(file), 'utf8')).toBe(`${file}\n`);
});

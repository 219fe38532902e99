import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layBackOutputs } from '../../../lib/written/outputs.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp('/tmp/outputs-test-');
});
afterEach(async () => rm(folder, { recursive: true }));

const SAVED = 'line 1\nline 2\n';

/** What the file holds after it was laid back. */
async function laidBack(now: string, copy: string | null = SAVED): Promise<string> {
  const file = path.join(folder, 'job.out');
  await writeFile(file, now);
  if (copy !== null) await writeFile(path.join(folder, 'output-1'), copy);
  await layBackOutputs([{ path: file, size: SAVED.length, ...(copy !== null && { copy: 'output-1' }) }], folder);
  return readFile(file, 'utf8');
}

test.each([
  ['emptied', '', SAVED],
  ['emptied, and written to since', 'new\n', `${SAVED}new\n`],
  ['emptied, and longer than before', 'slurmstepd: a long line\n', `${SAVED}slurmstepd: a long line\n`],
  ['as it was', SAVED, SAVED],
  ['written to since', `${SAVED}new\n`, `${SAVED}new\n`],
])('a file that is %s', async (_, now, expected) => {
  expect(await laidBack(now)).toBe(expected);
});

test('a copy counts as far as the file reached when the tree stood still', async () => {
  expect(await laidBack('', `${SAVED}[checkpoint] later\n`)).toBe(SAVED);
});

test('text that was not copied, and has gone, is missed', async () => {
  await expect(laidBack('new\n', null)).rejects.toThrow(/job\.out was emptied .* \(14 bytes\)/);
  expect(await laidBack(`${SAVED}new\n`, null)).toBe(`${SAVED}new\n`);
});

test('a file that is not there is left to CRIU', async () => {
  const output = { path: path.join(folder, 'none'), size: 3, copy: 'output-1' };
  await expect(layBackOutputs([output], folder)).resolves.toEqual([]);
});

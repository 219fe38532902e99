import { spawnSync } from 'node:child_process';
import { appendFile, open, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readyWritten } from '../../../lib/written/ready-written.ts';
import { at, noted, text, write } from './held-files.ts';

const MIB = 1024 * 1024;
test('files that are as they were are left alone', async () => {
  for (const name of ['log', 'end', 'base']) await writeFile(at(name), 'one\n');
  const files = await noted([
    ['append', 'log'],
    ['end', 'end'],
    ['update', 'base'],
  ]);
  const before = (await stat(at('base'))).mtimeMs;
  expect(await readyWritten(files, at('1'))).toEqual([]);
  expect((await stat(at('base'))).mtimeMs).toBe(before);
});

test.each(['append', 'end'])('what was added (%s) is cut off, and kept, as often as it is added', async (mode) => {
  await writeFile(at('log'), 'one\n');
  const files = await noted([[mode, 'log']]);
  const kept = path.join('undone', at(), 'log');
  for (const since of ['two\nthr', 'two\nthree\n']) {
    await appendFile(at('log'), since);
    const done = `${at('log')} had grown, and was cut back to 4 bytes; what was cut off is kept in ${at(kept)}`;
    expect(await readyWritten(files, at('1'))).toEqual([done]);
    expect(await text('log')).toBe('one\n');
  }
  expect(await text(kept)).toBe('two\nthrtwo\nthree\n');
  expect(await readyWritten(files, at('1'))).toEqual([]);
});

test('of much that was cut off the first part is kept, and said to be', async () => {
  await writeFile(at('log'), 'one\n');
  const files = await noted([['append', 'log']]);
  await appendFile(at('log'), 'two\n');
  await truncate(at('log'), 65 * MIB);
  expect(await readyWritten(files, at('1'))).toEqual([
    expect.stringMatching(/of what was cut off the first 67108864 bytes are kept/),
  ]);
  const kept = await readFile(at(path.join('undone', at(), 'log')));
  expect([kept.length, kept.subarray(0, 4).toString()]).toEqual([64 * MIB, 'two\n']);
});

test.each([
  ['grew', 'one, two, and more'],
  ['changed at the same length', 'one, 2\n'],
  ['became shorter', 'one'],
  ['was emptied', ''],
])('a file with a copy that %s becomes what it was, the same file to who has it open', async (_, now) => {
  await writeFile(at('base'), 'one, 1\n');
  const files = await noted([['update', 'base']]);
  await using reader = await open(at('base'), 'r');
  await writeFile(at('base'), now);
  expect(await readyWritten(files, at('1'))).toEqual([`${at('base')} was changed, and is again what it was`]);
  expect(await reader.readFile('utf8')).toBe('one, 1\n');
  expect(await text('base')).toBe('one, 1\n');
  expect(await readyWritten(files, at('1'))).toEqual([]);
});

test('a change in the middle of a large copy is found and undone, though size and time are the same', async () => {
  await writeFile(at('base'), 'one');
  await truncate(at('base'), 5 * MIB);
  await utimes(at('base'), 1e9, 1e9);
  const files = await noted([['mapped', 'base']]);
  await write('base', 'two', 3 * MIB - 1);
  await utimes(at('base'), 1e9, 1e9);
  expect(await readyWritten(files, at('1'))).toHaveLength(1);
  const after = await readFile(at('base'));
  expect(after.equals(await readFile(at(`1/${files[0]?.copy}`)))).toBe(true);
  expect(after.subarray(3 * MIB - 1, 3 * MIB + 2)).toEqual(Buffer.alloc(3));
});

test('a large file that was changed is refused, until its owner says that it only grew', async () => {
  await truncate(await made('large'), 65 * MIB);
  const files = await noted([['update', 'large']]);
  expect(await readyWritten(files, at('1'))).toEqual([]);
  await appendFile(at('large'), 'more');
  const refusal = await readyWritten(files, at('1')).catch(String);
  expect(refusal).toMatch(/was too large to be kept with it: .* belong in TMPDIR/);
  const [, commands = ''] = /If it only grew: (.*)$/.exec(String(refusal)) ?? [];
  expect(spawnSync('sh', ['-ec', commands.replaceAll('FILE', at('large'))]).status).toBe(0);
  expect(await readyWritten(files, at('1'))).toEqual([]);
});

async function made(name: string): Promise<string> {
  await writeFile(at(name), '');
  return at(name);
}

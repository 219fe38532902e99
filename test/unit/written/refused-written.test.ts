import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readyWritten } from '../../../lib/written/ready-written.ts';
import { at, noted, text, write } from './held-files.ts';

const MIB = 1024 * 1024;
const REFUSALS: [what: string, reason: RegExp, how: () => Promise<unknown>][] = [
  ['shrank', /has become shorter since the checkpoint \(3 bytes instead of 8\)/, async () => truncate(at('log'), 3)],
  [
    'was emptied and grew again',
    /is another than at the checkpoint/,
    async () => writeFile(at('log'), 'after rotation\n'),
  ],
  [
    'was replaced',
    /is another than at the checkpoint/,
    async () => {
      await writeFile(at('new'), 'another file\n');
      await rename(at('new'), at('log'));
    },
  ],
  ['was removed', /is no longer there/, async () => rm(at('log'))],
  ['was renamed', /is no longer there/, async () => rename(at('log'), at('log.1'))],
  [
    'became a link',
    /ELOOP/,
    async () => {
      await rename(at('log'), at('log.1'));
      await symlink(at('log.1'), at('log'));
    },
  ],
  [
    'became a folder',
    /is no file any more/,
    async () => {
      await rm(at('log'));
      await mkdir(at('log'));
    },
  ],
  [
    'became a pipe',
    /is no file any more/,
    async () => {
      await rm(at('log'));
      spawnSync('mkfifo', [at('log')]);
    },
  ],
];

test.each(REFUSALS)('a file that %s is refused by its name, and no other is changed', async (_, reason, happens) => {
  await writeFile(at('log'), 'one\ntwo\n');
  for (const name of ['fine', 'base']) await writeFile(at(name), 'one\n');
  const files = await noted([
    ['append', 'fine'],
    ['update', 'base'],
    ['append', 'log'],
  ]);
  for (const name of ['fine', 'base']) await appendFile(at(name), 'more\n');
  await happens();
  const refused = readyWritten(files, at('1'));
  await expect(refused).rejects.toThrow(reason);
  await expect(refused).rejects.toThrow(`${at('log')}, which the job writes, `);
  expect([await text('fine'), await text('base')]).toEqual(['one\nmore\n', 'one\nmore\n']);
});

test('what cannot be kept is not cut off, and nothing else is changed', async () => {
  for (const name of ['log', 'base']) await writeFile(at(name), 'one\n');
  const files = await noted([
    ['append', 'log'],
    ['update', 'base'],
  ]);
  for (const name of ['log', 'base']) await appendFile(at(name), 'more\n');
  await writeFile(at('undone'), 'in the way');
  await expect(readyWritten(files, at('1'))).rejects.toThrow(
    /what .*\/log has had after its first 4 bytes can't be kept/,
  );
  expect([await text('log'), await text('base')]).toEqual(['one\nmore\n', 'one\nmore\n']);
});

test('all files that are in the way are named at once', async () => {
  for (const name of ['a', 'b']) await writeFile(at(name), 'one\n');
  const files = await noted([
    ['append', 'a'],
    ['append', 'b'],
  ]);
  for (const name of ['a', 'b']) await rm(at(name));
  await expect(readyWritten(files, at('1'))).rejects.toThrow(/\/a, .*; .*\/b, /);
});

test('a file written at its end is known by all of its bytes, one that can only be appended to by its ends', async () => {
  for (const name of ['end', 'log']) await truncate(await made(name), MIB);
  const files = await noted([
    ['end', 'end'],
    ['append', 'log'],
  ]);
  for (const name of ['end', 'log']) await write(name, 'x', MIB / 2);
  await expect(readyWritten(files, at('1'))).rejects.toThrow(
    /^[^;]*\/end, .* its first 1048576 bytes were changed: [^;]*; files that are changed in their middle[^;]*$/,
  );
});

test('a large file that was changed at the same size is refused', async () => {
  await truncate(await made('large'), 65 * MIB);
  const files = await noted([['mapped', 'large']]);
  await write('large', 'x', 32 * MIB);
  await expect(readyWritten(files, at('1'))).rejects.toThrow(
    /large, which the job writes, was changed since the checkpoint/,
  );
});

test('a copy that is damaged is not laid back', async () => {
  await writeFile(at('base'), 'one\n');
  const files = await noted([['update', 'base']]);
  await writeFile(at('base'), 'two\n');
  await truncate(at('1/written-1'), 2);
  await expect(readyWritten(files, at('1'))).rejects.toThrow(/base, .* can't be compared with its copy, .*written-1/);
  expect(await text('base')).toBe('two\n');
});

async function made(name: string): Promise<string> {
  await writeFile(at(name), '');
  return at(name);
}

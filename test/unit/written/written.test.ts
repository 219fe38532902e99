import { mkdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { Written } from '../../../lib/store/written.ts';
import { howWritten, noteWritten, standsStill } from '../../../lib/written/written.ts';
import { at, notedWithLines } from './held-files.ts';
import { holder } from './holder.ts';

const LARGE = 64 * 1024 * 1024 + 1;
test.each([
  ['append', 'appended'],
  ['end', 'at-end'],
  ['back', 'in-place'],
  ['update', 'in-place'],
  ['mapped', 'in-place'],
])('a file that is held in mode %s is written %s', async (mode, how) => {
  const files = await notedWithLines([[mode, 'file']]);
  expect(files).toEqual([expect.objectContaining({ path: at('file'), size: 13, how })]);
  expect(v.parse(v.array(Written), JSON.parse(JSON.stringify(files)))).toEqual(files);
});

test('a file that several descriptors write is noted once, and the worst of them counts', async () => {
  await writeFile(at('file'), '');
  const [log, ...others] = await notedWithLines([
    ['append', 'file'],
    ['read', 'file'],
    ['update', 'file'],
  ]);
  expect([log?.how, others]).toEqual(['in-place', []]);
});

test('only what is written in place is copied', async () => {
  const files = await notedWithLines([
    ['append', 'a'],
    ['update', 'b'],
    ['end', 'c'],
    ['mapped', 'd'],
  ]);
  const copies = files.filter(({ copy }) => copy !== undefined);
  expect(copies.map((file) => path.basename(file.path)).toSorted()).toEqual(['b', 'd']);
  for (const { copy, path: file } of copies)
    expect(await readFile(at(`1/${copy}`), 'utf8')).toBe(await readFile(file, 'utf8'));
});

test('a large file is not copied', async () => {
  await writeFile(at('file'), '');
  await truncate(at('file'), LARGE - 13);
  expect(await notedWithLines([['update', 'file']])).toEqual([
    expect.not.objectContaining({ copy: expect.anything() }),
  ]);
});

test('what is only read, was removed, is no file, or was excepted is not noted', async () => {
  await mkdir(at('tmpdir'));
  await symlink(at('tmpdir'), at('link'));
  const held = [
    ['read', 'read'],
    ['gone', 'gone'],
    ['update', '../../../dev/null'],
    ['append', 'job.out'],
    ['update', 'tmpdir/file'],
  ] as const;
  expect(await notedWithLines(held, [at('link'), at('job.out')])).toEqual([]);
  expect(await notedWithLines([['append', 'job.output']], [at('job.out')])).toHaveLength(1);
});

test('a file that was renamed while it is open is noted by its new name', async () => {
  await writeFile(at('file'), 'one');
  await using tree = await holder('append', at('file'));
  await rename(at('file'), at('file.1'));
  await writeFile(at('file'), 'two');
  expect(await noteWritten(tree.pid, { except: [], into: at('1') })).toEqual([
    expect.objectContaining({ path: at('file.1'), size: 3 }),
  ]);
});

test('how a file is written follows from what may write to it', () => {
  const by = { descriptor: '/proc/1/fd/3', appends: false, reads: false, position: 10 };
  const how = (...more: Partial<typeof by>[]): string =>
    howWritten(
      more.map((each) => ({ path: '/data', by: { ...by, ...each } })),
      10,
    );
  expect(how({ appends: true })).toBe('appended');
  expect(how({ appends: true, reads: true })).toBe('appended');
  expect(how({ appends: true }, {})).toBe('at-end');
  expect(how({ position: 11 })).toBe('at-end');
  expect(how({ position: 9 })).toBe('in-place');
  expect(how({ reads: true })).toBe('in-place');
});

test('the tree stands still until a later change must show, where nothing else would show it', () => {
  const file = { path: '/data', size: 1, how: 'in-place', hash: '' } as const;
  const now = 1_700_000_000_500;
  expect(standsStill({ ...file, mtime: '1700000000000000000' }, now)).toBe(1000);
  expect(standsStill({ ...file, mtime: '1700000000400000001' }, now)).toBe(20);
  expect(standsStill({ ...file, mtime: '1690000000000000000' }, now)).toBe(0);
  expect(standsStill({ ...file, mtime: '1700000000000000000', copy: 'written-1' }, now)).toBe(0);
  expect(standsStill({ ...file, mtime: '1700000000000000000', how: 'appended' }, now)).toBe(0);
});

import { readFileSync, statSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { statusOf } from '../../../lib/system/proc.ts';
import { isEnding, mappedFiles } from '../../../lib/tree/facts.ts';

const map = (mode: string, device: string, inode: string, path: string): string =>
  `7f0000000000-7f0000001000 ${mode} 00002000 ${device} ${inode}                      ${path}\n`;

describe('the mapped files of a process', () => {
  test.each([
    ['read-only and private', 'r--p', false],
    ['as a program', 'r-xp', false],
    ['for writing, but private', 'rw-p', false],
    ['shared, but read-only', 'r--s', false],
    ['shared and for writing: what is written reaches the file', 'rw-s', true],
  ])('%s', (_how, mode, shared) => {
    expect(mappedFiles(map(mode, '08:01', '1234', '/data/file'))).toEqual([
      { path: '/data/file', id: '2049:1234', shared },
    ]);
  });

  test.each([
    ['anonymous memory', '7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n'],
    ['the heap', map('rw-p', '00:00', '0', '[heap]')],
    ['shared anonymous memory', map('rw-s', '00:01', '1026', '/dev/zero (deleted)')],
    ['a memfd', map('rw-s', '00:01', '7', '/memfd:name (deleted)')],
    ['a file that is deleted', map('rw-s', '08:01', '7', '/data/file (deleted)')],
    ['anything else', 'no map\n'],
  ])('are not %s', (_what, line) => {
    expect(mappedFiles(line)).toEqual([]);
  });

  test('may have blanks in their names', () => {
    expect(mappedFiles(map('rw-s', '08:01', '7', '/data/a  b (deleted) c'))).toMatchObject([
      { path: '/data/a  b (deleted) c' },
    ]);
  });

  test('are also System V shared memory, which always counts as deleted', () => {
    const line = map('rw-s', '00:01', '0', '/SYSV00000000 (deleted)');
    expect(mappedFiles(line)).toMatchObject([{ path: '/SYSV00000000 (deleted)' }]);
  });

  test.each([
    ['08:01', 0x801],
    ['103:00', 0x10300],
    ['00:1ab', 0x1000ab],
    ['fd:12345', 0x1230fd45],
  ])('have the device %s as stat gives it', (device, number) => {
    expect(mappedFiles(map('r--p', device, '7', '/f'))).toMatchObject([{ id: `${number}:7` }]);
  });

  test('of a real process have the ids that stat gives, but where a file system has several devices', () => {
    const own = mappedFiles(readFileSync('/proc/self/maps', 'utf8'));
    expect(own.map(({ path }) => path)).toContain(process.execPath);
    const { ino } = statSync(process.execPath);
    const ids = own.filter(({ path }) => path === process.execPath).map(({ id }) => id);
    expect(ids.every((id) => id.endsWith(`:${ino}`))).toBe(true);
  });
});

describe('a process', () => {
  const status = (words: Record<string, string>): ReadonlyMap<string, string> =>
    new Map(Object.entries({ Name: 'sleep', ...words }));

  test.each([
    ['that is gone', undefined],
    ['whose memory is gone, though it is not a zombie yet', status({ State: 'R (running)' })],
    ['that is a zombie', status({ State: 'Z (zombie)' })],
  ])('%s shows nothing of itself any more', (_what, ending) => {
    expect(isEnding(ending)).toBe(true);
  });

  test.each([
    ['sleeps', status({ State: 'S (sleeping)', VmSize: '2484 kB' })],
    ['is ours', statusOf('self')],
  ])('that %s is looked at', (_what, living) => {
    expect(isEnding(living)).toBe(false);
  });
});

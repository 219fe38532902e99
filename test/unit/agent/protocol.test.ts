import * as v from 'valibot';
import { describe, expect, test } from 'vitest';

import { Lines, MAX_LINE, Request } from '../../../lib/agent/protocol.ts';

const DUMP = { kind: 'dump', root: 2, images: '/store/1/images', leaveRunning: false };
const RESTORE = {
  kind: 'restore',
  images: '/store/1/images',
  logFile: 'restore.log.1',
  monotonic: '123',
  boottime: '9223372036854775807',
  groups: [0, 100],
  highestPid: 4_194_304,
  script: '/var/spool/slurmd/job00042/slurm_script',
};

const taken = (request: unknown): boolean => v.safeParse(Request, request).success;

describe('the agent takes', () => {
  test.each<[string, object]>([
    ['a hello', { kind: 'hello', supervisor: 4_194_304 }],
    ['the folders of a job', { kind: 'register', resultFolder: '/r', store: '/s' }],
    ['the absence of folders', { kind: 'register', resultFolder: null, store: null }],
    ['a dump', DUMP],
    ['a restore', RESTORE],
    ['a wish to write', { kind: 'take-slot', patienceMs: 0 }],
    ['the end of writing', { kind: 'give-slot' }],
    ['the end of a tree', { kind: 'end-tree' }],
    ['a note', { kind: 'note', results: 'delivered', ending: 'over' }],
    ['a path of 4000 characters', { ...DUMP, images: `/${'x'.repeat(3999)}` }],
  ])('%s', (_what, request) => {
    expect(taken(request)).toBe(true);
  });
});

describe('the agent refuses', () => {
  test.each<[string, unknown]>([
    ['what it does not know', { kind: 'shell' }],
    ['what has no kind', { supervisor: 2 }],
    ['null', null],
    ['a list', [DUMP]],
    ['a text', 'dump'],
    ['a key that it does not know', { ...DUMP, uid: 0 }],
    ['a job id: that it has from the Prolog', { kind: 'hello', supervisor: 2, jobId: 1 }],
    ['a request that lacks a key', { kind: 'dump', root: 2, images: '/i' }],
    ['process 0', { ...DUMP, root: 0 }],
    ['process 1', { ...DUMP, root: 1 }],
    ['a process group', { ...DUMP, root: -2 }],
    ['a process beyond all numbers', { ...DUMP, root: 4_194_305 }],
    ['half a process', { ...DUMP, root: 2.5 }],
    ['a process in words', { ...DUMP, root: '2' }],
    ['a relative path', { ...DUMP, images: 'store/images' }],
    ['an empty path', { ...DUMP, images: '' }],
    ['a path with a line break', { ...DUMP, images: '/a\nb' }],
    ['a path that begins on its second line', { ...DUMP, images: 'a\n/b' }],
    ['a path with a zero', { ...DUMP, images: '/a\0b' }],
    ['a path beyond all lengths', { ...DUMP, images: `/${'x'.repeat(4000)}` }],
    ['a log elsewhere', { ...RESTORE, logFile: '../../etc/passwd' }],
    ['a log in a folder', { ...RESTORE, logFile: 'a/b' }],
    ['a log without a name', { ...RESTORE, logFile: '' }],
    ['a clock that is no number', { ...RESTORE, monotonic: '1; rm -rf /' }],
    ['a clock before zero', { ...RESTORE, boottime: '-1' }],
    ['a clock beyond all times', { ...RESTORE, boottime: '9'.repeat(20) }],
    ['a group below zero', { ...RESTORE, groups: [-1] }],
    ['a group in words', { ...RESTORE, groups: ['root'] }],
    ['more groups than there can be', { ...RESTORE, groups: Array(65_537).fill(1) }],
    ['a tree without numbers', { ...RESTORE, highestPid: 0 }],
    ['a relative script', { ...RESTORE, script: 'slurm_script' }],
    ['a relative result folder', { kind: 'register', resultFolder: 'r', store: null }],
    ['patience below zero', { kind: 'take-slot', patienceMs: -1 }],
    ['endless patience', { kind: 'take-slot', patienceMs: Infinity }],
    ['an ending that nobody knows', { kind: 'note', ending: 'never' }],
  ])('%s', (_what, request) => {
    expect(taken(request)).toBe(false);
  });
});

describe('a stream is cut into lines', () => {
  test.each<[string, string[], string[][]]>([
    ['that come whole', ['a\n', 'b\n'], [['a'], ['b']]],
    ['that come together', ['a\nb\n\nc\n'], [['a', 'b', '', 'c']]],
    ['that come in pieces', ['a', 'b', 'c\nd', 'e\n'], [[], [], ['abc'], ['de']]],
    ['but for the last one, which has no end', ['a\nb'], [['a']]],
    ['and nothing makes none', ['', 'a\n'], [[], ['a']]],
  ])('%s', (_how, chunks, lines) => {
    const cutter = new Lines();
    expect(chunks.map((chunk) => cutter.take(chunk))).toEqual(lines);
  });

  test('of at most a megabyte', () => {
    const lines = new Lines();
    expect(lines.take('x'.repeat(MAX_LINE))).toEqual([]);
    expect(() => lines.take('x')).toThrow('a line is too long');
  });

  test('of any number', () => {
    const lines = new Lines();
    const line = `${'x'.repeat(MAX_LINE / 4)}\n`;
    for (let count = 0; count < 10; count += 1) expect(lines.take(line)).toHaveLength(1);
  });
});

import { describe, expect, test } from 'vitest';

import {
  DUMP_LOG,
  dumpCommand,
  restoreCapabilities,
  restoreCommand,
} from '../../../lib/criu/command.ts';

const REQUEST = { root: 7, images: '/store/1/images', actionScript: '/libexec/action' };
const dump = dumpCommand({ ...REQUEST, leaveRunning: false });
const restore = restoreCommand({
  images: '/store/1/images',
  actionScript: '/libexec/action',
  logFile: 'restore.log.2',
});

/** The word after a flag. */
const valueOf = (command: readonly string[], flag: string): string | undefined =>
  command[command.indexOf(flag) + 1];

describe.each([
  ['dump', dump],
  ['restore', restore],
])('criu %s', (verb, command) => {
  test('is a list of words for that verb', () => {
    expect(command.slice(0, 2)).toEqual(['criu', verb]);
  });

  test.each([
    ['the configuration file of the user is not obeyed', '--no-default-config'],
    ['criu works with CAP_CHECKPOINT_RESTORE alone', '--unprivileged'],
    ['file locks are carried', '--file-locks'],
    ['files with a deleted name are linked anew', '--link-remap'],
    ['the log tells enough for a sentence of cause', '-v4'],
  ])('%s: %s', (_reason, flag) => {
    expect(command).toContain(flag);
  });

  test.each([
    ['images lie in the checkpoint', '--images-dir', '/store/1/images'],
    ['the supervisor is asked at each stage', '--action-script', '/libexec/action'],
    ['deleted files travel up to half a gigabyte', '--ghost-limit', '512M'],
  ])('%s: %s', (_reason, flag, value) => {
    expect(valueOf(command, flag)).toBe(value);
  });

  test.each([
    ['leaving the tree running would let two of it live', '--leave-running'],
    ['a connection that is closed behind its back breaks the program', '--tcp-close'],
    ['changed files must be noticed', '--skip-file-rwx-check'],
    ['the terminal of somebody is not ours to take', '--shell-job'],
  ])('%s: no %s', (_reason, flag) => {
    expect(command).not.toContain(flag);
  });
});

test('a dump takes the tree by its root, and gives up on one that cannot be stopped', () => {
  expect(valueOf(dump, '--tree')).toBe('7');
  expect(valueOf(dump, '--timeout')).toBe('60');
  expect(valueOf(dump, '--log-file')).toBe(DUMP_LOG);
});

test('each restore has a log of its own, not among the images, and leaves tasks in the groups of the step', () => {
  expect(valueOf(restore, '--log-file')).toBe('restore.log.2');
  expect(valueOf(restore, '--work-dir')).toBe('/store');
  expect(restore).toContain('--manage-cgroups=ignore');
});

test('a dump that is a snapshot, and no other, leaves the tree running', () => {
  expect(dumpCommand({ ...REQUEST, leaveRunning: true })).toEqual([...dump, '--leave-running']);
});

describe('a restore gets', () => {
  const all = (1n << 41n) - 1n;

  test.each([
    ['no more than it needs where nothing was dropped', all, ['checkpoint_restore']],
    [
      'setpcap where the bounding set lacks a capability',
      all & ~(1n << 21n),
      ['checkpoint_restore', 'setpcap'],
    ],
    ['setpcap where the bounding set is empty', 0n, ['checkpoint_restore', 'setpcap']],
    [
      'no more where the bounding set knows newer capabilities',
      (1n << 50n) - 1n,
      ['checkpoint_restore'],
    ],
  ])('%s', (_claim, boundingSet, capabilities) => {
    expect(restoreCapabilities(boundingSet, all)).toEqual(capabilities);
  });
});

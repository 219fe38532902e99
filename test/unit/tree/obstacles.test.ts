import { describe, expect, test } from 'vitest';

import type { OpenFile, ProcessFacts } from '../../../lib/tree/facts.ts';
import { findObstacles, usedSince, type Surroundings } from '../../../lib/tree/obstacles.ts';

const NAMESPACES = { user: 'user:[1]', pid: 'pid:[1]', mnt: 'mnt:[1]', net: 'net:[1]' };

const ROOT: ProcessFacts = {
  pid: 10,
  name: 'tini',
  uids: [1000, 1000, 1000, 1000],
  namespaces: NAMESPACES,
  files: [],
  mapped: [],
  folder: '/home/anna',
  objects: [],
  readable: true,
};

const AROUND: Surroundings = {
  uid: 1000,
  localFolders: ['/tmp', '/var/tmp'],
  scratch: '/var/tmp/scratch/42',
  outputs: ['/tmp/slurm-42.out'],
  systemV: [],
  runsOn: false,
};

const file = (path: string, more: Partial<OpenFile> = {}): OpenFile => ({
  pid: 11,
  path,
  writable: true,
  readable: true,
  appending: false,
  position: 0,
  links: 1,
  deleted: false,
  size: 1,
  id: '1:1',
  kind: 'file',
  fileSystem: 'ext4',
  ...more,
});

const mapped = (path: string) => ({ path, id: '1:1', shared: false });

const causesOf = (process: Partial<ProcessFacts>, around: Partial<Surroundings> = {}): string[] =>
  findObstacles([ROOT, { ...ROOT, pid: 11, name: 'program', ...process }], {
    ...AROUND,
    ...around,
  }).map(({ cause }) => cause);

describe('nothing stands in the way of', () => {
  test.each<[string, Partial<ProcessFacts>, Partial<Surroundings>?]>([
    ['a plain process', {}],
    ['files on a share', { files: [file('/home/anna/data')] }],
    [
      'files in TMPDIR',
      { files: [file('/var/tmp/scratch/42/data')], folder: '/var/tmp/scratch/42' },
    ],
    ['maps of files in TMPDIR', { mapped: [mapped('/var/tmp/scratch/42/data')] }],
    ["the job's output in a local folder", { files: [file('/tmp/slurm-42.out')] }],
    ['a deleted file in a local folder', { files: [file('/tmp/x', { deleted: true, links: 0 })] }],
    ['a folder that only begins as a local one', { files: [file('/tmpfiles/x')] }],
    [
      'devices without a state',
      {
        files: [
          file('/dev/null', { kind: 'character-device' }),
          file('/dev/urandom', { kind: 'character-device' }),
        ],
      },
    ],
    [
      'kernel objects that can be saved',
      { objects: ['anon_inode:[eventfd]', 'anon_inode:[eventpoll]'] },
    ],
    [
      'a deleted file with another name, when the tree ends',
      { files: [file('/home/x', { deleted: true, links: 1 })] },
    ],
    [
      'a deleted file without any, when it runs on',
      { files: [file('/home/x', { deleted: true, links: 0 })] },
      { runsOn: true },
    ],
  ])('%s', (_what, process, around) => {
    expect(causesOf(process, around)).toEqual([]);
  });

  test('a tree that is gone', () => {
    expect(findObstacles([], { ...AROUND, systemV: ['semaphores'] })).toEqual([]);
  });
});

describe('in the way stands', () => {
  test.each<[string, Partial<ProcessFacts>, string, Partial<Surroundings>?]>([
    [
      'a setuid program',
      { uids: [1000, 0, 0, 0] },
      "process 11 (program) runs with another user's rights",
    ],
    ['a program that may not be read', { readable: false }, 'runs a program that may not be read'],
    ['srun', { name: 'srun' }, 'process 11 (srun) runs a job step with srun'],
    [
      'a container',
      { namespaces: { ...NAMESPACES, mnt: 'mnt:[2]' } },
      'runs in a container (its own mnt namespace)',
    ],
    ['io_uring', { objects: ['anon_inode:[io_uring]'] }, 'uses io_uring'],
    [
      'a POSIX message queue',
      { files: [file('/queue', { fileSystem: 'mqueue' })] },
      'uses a POSIX message queue',
    ],
    [
      'a terminal',
      { files: [file('/dev/pts/0', { fileSystem: 'devpts', kind: 'character-device' })] },
      'uses a terminal (/dev/pts/0)',
    ],
    [
      'a device',
      { files: [file('/dev/nvidia0', { kind: 'character-device' })] },
      'uses the device /dev/nvidia0',
    ],
    [
      'a file that other nodes do not have',
      { files: [file('/tmp/x')] },
      'has /tmp/x open, which is not there on another node',
    ],
    ['a local folder that is open', { files: [file('/tmp', { kind: 'folder' })] }, 'has /tmp open'],
    [
      'the TMPDIR of another job',
      { files: [file('/var/tmp/scratch/421/x')] },
      'has /var/tmp/scratch/421/x open',
    ],
    [
      'TMPDIR itself, when it is not carried',
      { files: [file('/var/tmp/scratch/42/x')] },
      'has /var/tmp/scratch/42/x open',
      { scratch: undefined },
    ],
    ['a map of such a file', { mapped: [mapped('/tmp/lib.so')] }, 'has /tmp/lib.so mapped'],
    [
      'System V shared memory',
      { mapped: [mapped('/SYSV00000000 (deleted)')] },
      'uses System V shared memory',
    ],
    [
      'a working folder that other nodes do not have',
      { folder: '/tmp/work' },
      'works in /tmp/work',
    ],
    [
      'a deleted file with another name, when the tree runs on',
      { files: [file('/home/x', { deleted: true, links: 1 })] },
      'has /home/x open, whose name was deleted',
      { runsOn: true },
    ],
    [
      'what a checkpoint would lose of System V',
      {},
      'there are System V semaphores of this user',
      { systemV: ['semaphores'] },
    ],
  ])('%s', (_what, process, cause, around) => {
    const [only, ...more] = causesOf(process, around);
    expect(only).toContain(cause);
    expect(more).toEqual([]);
  });

  test('each obstacle of each process, with a remedy', () => {
    const files = [file('/tmp/a'), file('/tmp/b')];
    const tree = [ROOT, { ...ROOT, pid: 11, files }, { ...ROOT, pid: 12, name: 'srun' }];
    const obstacles = findObstacles(tree, { ...AROUND, systemV: ['semaphores'] });
    expect(obstacles).toHaveLength(4);
    expect(obstacles.every(({ remedy }) => remedy !== '')).toBe(true);
  });
});

describe('System V objects', () => {
  const tables = {
    msg: `       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
         0          0   600           0          0     0     0  1000  1000  1000  1000          0          0       2000
`,
    sem: `       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime
-559038737          3   600          1  1000  1000  1000  1000       2000       1000
`,
    shm: `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
         0          0  1600                  4096    77    78      0  1000  1000     0     0       2000       1500       1000                  4096                     0
`,
  };

  test.each(Object.entries(tables))(
    'of this user that were used since the run began count: %s',
    (_kind, table) => {
      expect(usedSince(table, 1000, 2000)).toBe(true);
      expect(usedSince(table, 1000, 2001)).toBe(false);
      expect(usedSince(table, 1001, 0)).toBe(false);
    },
  );

  test("count for who made them and for whose they are, not for numbers that only look like a user's", () => {
    expect(usedSince(tables.shm, 0, 0)).toBe(true);
    expect(usedSince(tables.shm, 4096, 0)).toBe(false);
    expect(usedSince(tables.shm, 77, 0)).toBe(false);
  });

  test.each(Object.entries(tables))('are none in an empty table: %s', (_kind, table) => {
    expect(usedSince(`${table.split('\n')[0]}\n`, 1000, 0)).toBe(false);
    expect(usedSince('', 1000, 0)).toBe(false);
  });
});

import { expect, test } from 'vitest';
import { obstaclesIn, type Facts } from '../../../lib/tree/obstacles.ts';
import type { Process } from '../../../lib/tree/processes.ts';
import type { SystemV } from '../../../lib/tree/system-v.ts';
import { device, open, program, ROOT } from './example.ts';

const facts = (processes: Process[], more: Partial<Facts> = {}): Facts => ({
  processes: [ROOT, ...processes],
  systemV: [],
  ipcNamespace: 'ipc:[1]',
  tcp: [],
  unix: [],
  ...more,
});
const whats = (from: Facts): string[] => obstaclesIn(from).map(({ what }) => what);
const object = (kind: SystemV['kind'], id: number): SystemV => ({ kind, id, uids: [1000], usedAt: 0, users: [] });
const map = (file: string, inode = 0) => ({ file, inode, links: 1 });

test.each<[string, Partial<Process>]>([
  ['a plain process', {}],
  [
    'kernel objects that CRIU knows',
    {
      open: ['[eventfd]', '[eventpoll]', '[timerfd]', '[signalfd]', '[pidfd]', 'inotify'].map((name) =>
        open(`anon_inode:${name}`),
      ),
    },
  ],
  ['pipes, sockets and memory files', { open: [open('pipe:[1]'), open('socket:[2]'), open('/memfd:x (deleted)')] }],
  ['devices without a state', { open: [device('/dev/null', 1), device('/dev/urandom', 1)] }],
  ['shared memory that is not System V', { mapped: [map('/dev/zero (deleted)'), map('/dev/shm/x')] }],
])('nothing stands in the way of %s', (_, process) => {
  expect(obstaclesIn(facts([program(process)]))).toEqual([]);
});

test.each<[string, Partial<Process>]>([
  ["runs with another user's rights", { uids: [1000, 0, 0, 0], readable: false }],
  ['hides its memory, or runs a program that may not be read', { readable: false }],
  ['is a job step', { name: 'srun' }],
  [
    'is in a container (its own user, pid namespace)',
    { namespaces: { ...ROOT.namespaces, user: 'user:[2]', pid: 'pid:[2]' } },
  ],
  ['is traced by process 7', { tracer: 7 }],
  ['is in a sandbox (seccomp)', { seccomp: 2 }],
  ['uses io_uring', { open: [open('anon_inode:[io_uring]')] }],
  ['uses io_uring', { mapped: [map('anon_inode:[io_uring]')] }],
  ['has [userfaultfd] open', { open: [open('anon_inode:[userfaultfd]')] }],
  ['has [perf_event] open', { open: [open('anon_inode:[perf_event]')] }],
  ['has bpf-map open', { open: [open('anon_inode:bpf-map')] }],
  ['has the POSIX message queue /q open', { open: [open('/q', { fileSystem: 'mqueue' })] }],
  ['uses a terminal (/dev/pts/0)', { open: [{ ...device('/dev/pts/0', 136), fileSystem: 'devpts' }] }],
  ['uses a terminal (/dev/tty)', { open: [device('/dev/tty', 5)] }],
  ['uses the GPU /dev/nvidia0', { open: [device('/dev/nvidia0', 195)], mapped: [map('/dev/nvidia0')] }],
  ['uses the RDMA device /dev/infiniband/uverbs0', { open: [device('/dev/infiniband/uverbs0', 231)] }],
  ['uses the device /dev/fuse', { open: [device('/dev/fuse', 10)] }],
  ['uses System V shared memory', { mapped: [map('/SYSV00000000 (deleted)', 4)] }],
])('a process that %s', (what, process) => {
  expect(whats(facts([program(process)]))).toEqual([what]);
});

test('what nobody is attached to is named by its id; what is attached, with its process', () => {
  const systemV = [object('sem', 3), object('msg', 4), object('shm', 5), object('shm', 6)];
  const tree = facts([program({ mapped: [map('/SYSV00000000 (deleted)', 5)] })], { systemV });
  expect(whats(tree)).toEqual([
    'there is a set of System V semaphores (id 3), which would be lost',
    'there is a System V message queue (id 4), which would be lost',
    'there is System V shared memory (id 6), which would be lost',
    'uses System V shared memory',
  ]);
});

test('a tree whose System V objects we could not see', () => {
  expect(whats(facts([], { ipcNamespace: 'ipc:[2]' }))).toEqual(['is in a container (its own ipc namespace)']);
});

test('every obstacle of every process, each with its process and a remedy', () => {
  const busy = program({ seccomp: 2, open: [open('anon_inode:[io_uring]'), device('/dev/kfd', 240)] });
  const found = obstaclesIn(facts([busy, { ...ROOT, pid: 12, name: 'srun' }]));
  expect(found.map(({ process }) => process?.pid)).toEqual([11, 11, 11, 12]);
  expect(found.every(({ remedy }) => remedy !== '')).toBe(true);
});

test('a tree that has ended has no obstacles', () => {
  expect(obstaclesIn({ ...facts([]), processes: [], systemV: [object('sem', 1)] })).toEqual([]);
});

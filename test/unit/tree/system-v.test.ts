import { expect, test } from 'vitest';
import { isSuspect, parseSemaphoreUsers, parseTable, type SystemV } from '../../../lib/tree/system-v.ts';

const SEM = `       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime
-559038737          3   600          1  1000  1001  1002  1003       2000       1000
`;
const MSG = `       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
         0          0   600           0          0    77     0  1000  1001  1002  1003          0          0       2000
`;
const SHM = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
         0          7  1600                  4096    77    78      0  1000  1001  1002  1003       2000       1500       1000                  4096                     0
`;

test('a table is read by its columns', () => {
  const common = { uids: [1000, 1002], usedAt: 2000 };
  expect(parseTable('sem', SEM)).toEqual([{ ...common, kind: 'sem', id: 3, users: [] }]);
  expect(parseTable('msg', MSG)).toEqual([{ ...common, kind: 'msg', id: 0, users: [77] }]);
  expect(parseTable('shm', SHM)).toEqual([{ ...common, kind: 'shm', id: 7, users: [77, 78] }]);
  expect(parseTable('sem', `${SEM.split('\n')[0]}\n`)).toEqual([]);
  expect(parseTable('sem', '')).toEqual([]);
});

test('who used semaphores is known to ipcs', () => {
  const said = `
Semaphore Array semid=0
uid=0\t gid=0\t cuid=0\t cgid=0
mode=0600, access_perms=0600
nsems = 2
otime = Thu Nov 26 20:29:49 2026
semnum     value      ncount     zcount     pid
0          1          0          0          345
1          0          0          0          0
`;
  expect(parseSemaphoreUsers(said)).toEqual([345]);
  expect(parseSemaphoreUsers('ipcs: id 1 not found')).toBeUndefined(); // removed since it was seen
});

// The run began at 1000; 11 is of the tree, 50 runs outside of it, 60 has ended, 51 came after the object's last use.
const STARTS = new Map([
  [11, 1100],
  [50, 900],
  [51, 1600],
]);
const SUSPICION = { uid: 1000, since: 1000, tree: new Set([11]), startOf: (pid: number) => STARTS.get(pid) };
const OBJECT: SystemV = { kind: 'msg', id: 1, uids: [1000, 1000], usedAt: 1500, users: [] };

test.each<[string, Partial<SystemV>, boolean]>([
  ['used by a process of the tree', { users: [50, 11] }, true],
  ["another user's, used by a process of the tree", { uids: [0, 0], users: [11] }, true],
  ['made since the run began, used by nobody', {}, true],
  ['used by one who has ended', { users: [50, 60] }, true],
  ['used by one whose number another process has now', { users: [51] }, true],
  ["used by those alone who run outside of the tree: another job's", { users: [50] }, false],
  ['not used since the run began', { usedAt: 900 }, false],
  ["another user's", { uids: [0, 0] }, false],
  [
    "another user's, of one whose number a process of the tree has now",
    { uids: [0, 0], users: [11], usedAt: 500 },
    false,
  ],
])('an object %s', (_, more, suspect) => {
  expect(isSuspect({ ...OBJECT, ...more }, SUSPICION)).toBe(suspect);
});

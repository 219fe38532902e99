import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mayHaveLostItsName, parseMaps, readProcesses } from '../../../lib/tree/processes.ts';

test('a map has its file, its inode, and its name in map_files', () => {
  const line = '00400000-0040b000 r-xp 00002000 08:01 1234                       /data/a  b\n';
  expect(parseMaps(line)).toEqual([{ file: '/data/a  b', inode: 1234, range: '400000-40b000' }]);
  expect(parseMaps('7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n')).toEqual([]);
});

test.each([
  ['/data/x (deleted)', true],
  ['/share/.nfs00000000000012ab00000001', true],
  ['/data/x', false],
  ['/data/.nfsrc', false],
  ['pipe:[12]', false],
])('%s may have lost its name: %s', (file, may) => {
  expect(mayHaveLostItsName(file)).toBe(may);
});

test('a process shows its name, its namespaces, and what it has open', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'processes-'));
  const file = path.join(folder, 'removed');
  const [removed, nothing] = [openSync(file, 'w'), openSync('/dev/null', 'r')];
  rmSync(folder, { recursive: true });
  const [own] = readProcesses(process.pid);
  for (const descriptor of [removed, nothing]) closeSync(descriptor);
  expect(own).toMatchObject({ pid: process.pid, readable: true, tracer: 0 });
  expect(own?.namespaces['ipc']).toMatch(/^ipc:/);
  expect(own?.open).toContainEqual(expect.objectContaining({ link: `${file} (deleted)`, links: 0, kind: 'other' }));
  expect(own?.open).toContainEqual(expect.objectContaining({ link: '/dev/null', kind: 'device', major: 1 }));
  expect(own?.mapped.map((map) => map.file)).toContain(process.execPath);
});

test('a tree that has ended has no processes', () => {
  expect(readProcesses(2 ** 30)).toEqual([]);
});

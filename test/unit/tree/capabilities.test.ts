import { expect, test } from 'vitest';
import type { Process } from '../../../lib/tree/processes.ts';
import { capabilitiesNeeded } from '../../../lib/tree/capabilities.ts';
import { open, program, ROOT } from './example.ts';

const gone = '/data/x (deleted)';

test.each<[string, Partial<Process>, string[]]>([
  ['a plain tree', {}, []],
  ['an inotify descriptor', { open: [open('anon_inode:inotify')] }, ['dac_read_search']],
  ['a removed file with another hard link', { open: [open(gone, { links: 1 })] }, ['dac_read_search']],
  ['one that is mapped', { mapped: [{ file: gone, inode: 1, links: 1 }] }, ['dac_read_search']],
  ["NFS's name for a removed file", { open: [open('/share/.nfs0000ab')] }, ['dac_read_search']],
  ['a removed file without any', { open: [open(gone, { links: 0 })] }, []],
  ['a file with two names', { open: [open('/data/x', { links: 2 })] }, []],
])('%s', (_, process, needed) => {
  expect(capabilitiesNeeded([ROOT, program(process)], 0)).toEqual(needed);
});

test('where Yama forbids tracing', () => {
  expect(capabilitiesNeeded([ROOT], 1)).toEqual(['sys_ptrace']);
});

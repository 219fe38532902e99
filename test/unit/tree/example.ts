// Processes as the tests of lib/tree/ need them.
import type { Open, Process } from '../../../lib/tree/processes.ts';

export const ROOT: Process = {
  pid: 10,
  name: 'tini',
  uids: [1000, 1000, 1000, 1000],
  seccomp: 0,
  tracer: 0,
  readable: true,
  namespaces: { user: 'user:[1]', pid: 'pid:[1]', ipc: 'ipc:[1]' },
  open: [],
  mapped: [],
};

export const program = (more: Partial<Process> = {}): Process => ({ ...ROOT, pid: 11, name: 'program', ...more });

export const open = (link: string, more: Partial<Open> = {}): Open => ({
  link,
  kind: 'other',
  major: 0,
  links: 1,
  fileSystem: undefined,
  ...more,
});

export const device = (link: string, major: number): Open => open(link, { kind: 'device', major });

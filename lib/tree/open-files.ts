// What of a process's open and mapped files stands in the way.
import type { Mapped, Open } from './processes.ts';

/** "uses io_uring", "switch it off in the program" */
export type Finding = readonly [what: string, remedy: string];

const MEMORY_DEVICES = 1; // null, zero, full, random, urandom: what they are is in their number
const TERMINALS = new Set([4, 5, 136]); // tty1, /dev/tty and /dev/ptmx, /dev/pts/N

const IO_URING: Finding = ['uses io_uring', 'switch it off in the program (UV_USE_IO_URING=0 where it is Node)'];
const CANNOT = "it can't be saved";

/** Those that CRIU knows (dump_one_file in its files.c), but for what needs more privilege than it gets. */
const SAVED = /^anon_inode:\[?(eventfd|eventpoll|inotify|fanotify|signalfd|timerfd|pidfd)\b/;

export function openFinding({ link, kind, major, fileSystem }: Open): Finding[] {
  if (link.includes('io_uring')) return [IO_URING];
  if (link.startsWith('anon_inode:') && !SAVED.test(link))
    return [[`has ${link.slice('anon_inode:'.length)} open`, `${CANNOT}; close it before the checkpoint`]];
  if (fileSystem === 'mqueue')
    return [[`has the POSIX message queue ${link} open`, `${CANNOT}; close it before the checkpoint`]];
  const device = kind === 'device' && major !== MEMORY_DEVICES;
  if (fileSystem === 'devpts' || (device && TERMINALS.has(major)))
    return [[`uses a terminal (${link})`, 'run it without one']];
  return device ? [deviceFinding(link)] : [];
}

export function mappedFinding({ file }: Mapped): Finding[] {
  if (file.startsWith('anon_inode:') && file.includes('io_uring')) return [IO_URING];
  if (isSystemV(file))
    return [['uses System V shared memory', 'use POSIX shared memory or files where the program has the choice']];
  return GPU.test(file) || RDMA.test(file) ? [deviceFinding(file)] : [];
}

/** proc_pid_maps(5) shows it as /SYSV and its key. */
export const isSystemV = (file: string): boolean => file.startsWith('/SYSV');

const GPU = /^\/dev\/(nvidia|dri\/|kfd$)/;
const RDMA = /^\/dev\/(infiniband\/|hfi1)/;

function deviceFinding(file: string): Finding {
  const kind = GPU.test(file) ? 'the GPU' : RDMA.test(file) ? 'the RDMA device' : 'the device';
  return [`uses ${kind} ${file}`, `${CANNOT}; close it before the checkpoint`];
}

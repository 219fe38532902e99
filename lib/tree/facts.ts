import { readFileSync, statSync } from 'node:fs';

import { linkOf, namesIn, numbersOf, readProc, statusOf } from '../system/proc.ts';
import { innerPid, processesOf, scriptOf, type Tree } from './tree.ts';

export type OpenFile = {
  readonly pid: number;
  readonly path: string;
  readonly writable: boolean;
  readonly readable: boolean;
  readonly appending: boolean;
  readonly position: number;
  /** Names that the file still has, in whatever folder. */
  readonly links: number;
  readonly deleted: boolean;
  readonly size: number;
  /** Device and inode: the same file under any name. */
  readonly id: string;
  readonly kind: 'file' | 'folder' | 'character-device' | 'other';
  readonly fileSystem: string;
};

export type MappedFile = { readonly path: string; readonly id: string; readonly shared: boolean };

export type ProcessFacts = {
  readonly pid: number;
  readonly name: string;
  readonly uids: readonly number[];
  readonly namespaces: Readonly<Record<string, string>>;
  readonly files: readonly OpenFile[];
  /** Named files that are mapped, with whether writes to them reach the file. */
  readonly mapped: readonly MappedFile[];
  readonly folder: string;
  readonly objects: readonly string[];
  readonly readable: boolean;
};

/** asm-generic/fcntl.h */
const O_APPEND = 0o2000;

const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts'] as const;

/** What a tree consists of, as its own user can see it in /proc. Processes that end meanwhile are left out. */
export function gatherFacts(tree: Tree): ProcessFacts[] {
  return processesOf(tree)
    .map(({ pid, name }) => {
      const fileSystems = fileSystemsOf(pid);
      const descriptors = namesIn(`${pid}/fd`);
      const links = descriptors.map((fd) => ({ fd, link: linkOf(`${pid}/fd/${fd}`) }));
      return {
        pid,
        name,
        uids: numbersOf(statusOf(String(pid))?.get('Uid')),
        namespaces: Object.fromEntries(
          NAMESPACES.map((kind) => [kind, linkOf(`${pid}/ns/${kind}`) ?? '']),
        ),
        files: links.flatMap(({ fd, link }) =>
          link?.startsWith('/') ? (openFile(pid, fd, link, fileSystems) ?? []) : [],
        ),
        mapped: mappedFiles(readProc(`${pid}/maps`) ?? ''),
        folder: linkOf(`${pid}/cwd`) ?? '',
        objects: links
          .map(({ link }) => link ?? '')
          .filter((link) => link.startsWith('anon_inode:')),
        readable: linkOf(`${pid}/exe`) !== undefined,
      };
    })
    .filter(({ pid }) => !isEnding(statusOf(String(pid))));
}

/**
 * Whether a process has ended, or is about to. It shows nothing of itself any more, as one that may not be looked at: its memory is gone
 * first, a while before it is a zombie (do_exit in Linux' exit.c), which has none either.
 * @param status of /proc/PID, undefined when there is none
 */
export const isEnding = (status: ReadonlyMap<string, string> | undefined): boolean =>
  !status?.has('VmSize');

function openFile(
  pid: number,
  fd: string,
  link: string,
  fileSystems: ReadonlyMap<string, string>,
): OpenFile | undefined {
  try {
    // Through /proc the file itself is seen, whatever its name points to now.
    const stat = statSync(`/proc/${pid}/fd/${fd}`);
    const info = readProc(`${pid}/fdinfo/${fd}`) ?? '';
    const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
    return {
      pid,
      path: link.replace(/ \(deleted\)$/, ''),
      deleted: link.endsWith(' (deleted)'),
      writable: (flags & 3) !== 0,
      readable: (flags & 3) !== 1,
      appending: (flags & O_APPEND) !== 0,
      position: Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? 0),
      links: stat.nlink,
      size: stat.size,
      id: `${stat.dev}:${stat.ino}`,
      kind: stat.isFile()
        ? 'file'
        : stat.isDirectory()
          ? 'folder'
          : stat.isCharacterDevice()
            ? 'character-device'
            : 'other',
      fileSystem: fileSystems.get(/^mnt_id:\s*(\d+)/m.exec(info)?.[1] ?? '') ?? '',
    };
  } catch {
    return undefined;
  }
}

/** Mount id → type of file system, from mountinfo. */
function fileSystemsOf(pid: number): ReadonlyMap<string, string> {
  const lines = (readProc(`${pid}/mountinfo`) ?? '').split('\n');
  return new Map(
    lines.map((line) => [line.split(' ')[0] ?? '', line.split(' - ')[1]?.split(' ')[0] ?? '']),
  );
}

/** The named files among the lines of /proc/PID/maps (proc_pid_maps(5)). */
export function mappedFiles(maps: string): MappedFile[] {
  return maps.split('\n').flatMap((line) => {
    const [, mode = '', device = '', inode = '', path] =
      /^\S+ (\S+) \S+ (\S+) (\d+)\s+(\/.*)$/.exec(line) ?? [];
    // System V shared memory is always shown as deleted.
    if (path === undefined) return [];
    if (path.endsWith(' (deleted)') && !path.startsWith('/SYSV')) return [];
    const shared = mode[1] === 'w' && mode[3] === 's';
    return [{ path, id: `${deviceNumber(device)}:${inode}`, shared }];
  });
}

/** `major:minor` in hexadecimal as the number that stat(2) gives (makedev(3)). */
function deviceNumber(text: string): bigint {
  const [major = 0n, minor = 0n] = text.split(':').map((part) => BigInt(`0x${part}`));
  return (
    ((major & 0xfffff000n) << 32n) |
    ((major & 0xfffn) << 8n) |
    ((minor & 0xffffff00n) << 12n) |
    (minor & 0xffn)
  );
}

/** The numbers by which a tree is known in its own pid namespace. */
export type TreeNumbers = { root: number; script: number; highest: number; processes: number };

export function numbersOfTree(tree: Tree): TreeNumbers {
  const processes = processesOf(tree);
  const highest = processes.flatMap(({ pid }) =>
    namesIn(`${pid}/task`).flatMap((task) => {
      const status = statusOf(`${pid}/task/${task}`);
      return ['NSpid', 'NStgid', 'NSpgid', 'NSsid'].map(
        (key) => numbersOf(status?.get(key)).at(-1) ?? 0,
      );
    }),
  );
  return {
    root: innerPid(tree.root) ?? 0,
    script: innerPid(scriptOf(tree) ?? 0) ?? 0,
    highest: highest.reduce((a, b) => Math.max(a, b), 0),
    processes: processes.length,
  };
}

/** Nanoseconds of the tree's own clocks now: ours, corrected by how far our time namespaces lie apart (time_namespaces(7)). */
export function clocksOf(tree: Tree): { monotonic: bigint; boottime: bigint } {
  const mine = timeOffsets('self');
  const theirs = timeOffsets(tree.root);
  const boottime =
    BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000)) *
    1_000_000n;
  return {
    monotonic: process.hrtime.bigint() - mine.monotonic + theirs.monotonic,
    boottime: boottime - mine.boottime + theirs.boottime,
  };
}

/** Nanoseconds by which a process's clocks lie ahead of the initial time namespace's. */
export function timeOffsets(pid: number | 'self'): { monotonic: bigint; boottime: bigint } {
  const text = readProc(`${pid}/timens_offsets`) ?? '';
  const offset = (clock: string): bigint => {
    const [, seconds = '0', nanoseconds = '0'] =
      new RegExp(`^${clock}\\s+(-?\\d+)\\s+(\\d+)`, 'm').exec(text) ?? [];
    return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  };
  return { monotonic: offset('monotonic'), boottime: offset('boottime') };
}

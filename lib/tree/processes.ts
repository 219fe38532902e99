// The processes of a tree as /proc shows them, to their own user or to root.
import { statfsSync, statSync } from 'node:fs';
import { linkOf, namesIn, statusOf, textOf, treeOf } from '../system/proc.ts';

/** What a descriptor refers to. */
export type Open = {
  /** Its link in /proc: a path, socket:[4711], anon_inode:[eventpoll] … */
  readonly link: string;
  readonly kind: 'device' | 'other';
  /** Of a device, its major number (Linux' devices.txt). */
  readonly major: number;
  /** Names that the file has, this one or others. */
  readonly links: number;
  readonly fileSystem: FileSystem | undefined;
};

export type Mapped = {
  readonly file: string;
  /** Of System V shared memory, its id. */
  readonly inode: number;
  /** As above; 0 also where only root may know. */
  readonly links: number;
};

export type Process = {
  readonly pid: number;
  readonly name: string;
  readonly uids: readonly number[];
  readonly seccomp: number;
  readonly tracer: number;
  /** It shows us what it has open: not so where its program may not be read. */
  readonly readable: boolean;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly open: readonly Open[];
  readonly mapped: readonly Mapped[];
};

/** statfs(2)'s magic numbers, of those that matter here. A mount table would not do: mq_open(3) needs no mount. */
const FILE_SYSTEMS = new Map<number, FileSystem>([
  [0x19800202, 'mqueue'],
  [0x1cd1, 'devpts'],
]);
type FileSystem = 'mqueue' | 'devpts';

const NAMESPACES = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time'];

/** The root first. Those that end meanwhile are left out: they show nothing of themselves, as if they had secrets. */
export function readProcesses(root: number): Process[] {
  const fileSystems = new Map<number, FileSystem | undefined>(); // by device: a share need not be asked for every file
  return treeOf(root).flatMap((pid) => {
    const links = namesIn(`/proc/${pid}/fd`)?.map((number) => `/proc/${pid}/fd/${number}`);
    const open = links?.flatMap((file) => readOpen(file, fileSystems) ?? []) ?? [];
    const mapped = parseMaps(textOf(`/proc/${pid}/maps`) ?? '').map(({ file, inode, range }) => ({
      file,
      inode,
      links: linksOf(pid, file, range),
    }));
    const namespaces = Object.fromEntries(NAMESPACES.map((name) => [name, linkOf(`/proc/${pid}/ns/${name}`) ?? '']));
    const status = statusOf(pid); // last
    if (!status || status.ending) return [];
    const { name, uids, seccomp, tracer } = status;
    return [{ pid, name, uids, seccomp, tracer, readable: links !== undefined, namespaces, open, mapped }];
  });
}

function readOpen(file: string, fileSystems: Map<number, FileSystem | undefined>): Open | undefined {
  const link = linkOf(file);
  if (link === undefined) return undefined;
  if (!link.startsWith('/')) return { link, kind: 'other', major: 0, links: 0, fileSystem: undefined };
  try {
    const stat = statSync(file); // through /proc the file itself, whatever its name points to now
    if (!fileSystems.has(stat.dev)) fileSystems.set(stat.dev, FILE_SYSTEMS.get(statfsSync(file).type));
    return {
      link,
      kind: stat.isCharacterDevice() || stat.isBlockDevice() ? 'device' : 'other',
      major: (stat.rdev >> 8) & 0xfff,
      links: stat.nlink,
      fileSystem: fileSystems.get(stat.dev),
    };
  } catch {
    return { link, kind: 'other', major: 0, links: 0, fileSystem: undefined }; // closed meanwhile, or on a share that fails
  }
}

type Line = Omit<Mapped, 'links'> & { readonly range: string };

/** The named files among the lines of proc_pid_maps(5); `range` names them in map_files. */
export function parseMaps(maps: string): Line[] {
  return maps.split('\n').flatMap((line) => {
    const [, start, end, inode, file] = /^0*(\w+)-0*(\w+) \S+ \S+ \S+ (\d+)\s+(\S.*)$/.exec(line) ?? [];
    return file === undefined ? [] : [{ file, inode: Number(inode), range: `${start}-${end}` }];
  });
}

function linksOf(pid: number, file: string, range: string): number {
  if (!mayHaveLostItsName(file)) return 1; // most have not, and needn't be looked at
  try {
    return statSync(`/proc/${pid}/map_files/${range}`).nlink;
  } catch {
    return 0;
  }
}

/** Removed, or renamed by NFS because it was removed while open. */
export const mayHaveLostItsName = (file: string): boolean =>
  file.startsWith('/') && (file.endsWith(' (deleted)') || /\/\.nfs[0-9a-f]+$/.test(file));

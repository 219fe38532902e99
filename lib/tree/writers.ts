// By what a tree can write to files. Of /proc alone: no file system is asked here, for a share may not answer.
import { linkOf, namesIn, statusOf, textOf, treeOf } from '../system/proc.ts';

export type Writer = {
  /** As the kernel calls the file. It may have lost that name. */
  readonly path: string;
  readonly by: Descriptor | Mapping;
};

type Descriptor = {
  /** /proc/PID/fd/N: leads to the file, whatever has become of its name. */
  readonly descriptor: string;
  readonly appends: boolean;
  readonly reads: boolean;
  /** In bytes, from the file's beginning. */
  readonly position: number;
};

/** Shared and writable; its descriptor may be closed. */
type Mapping = { readonly inode: bigint };

/** Throws where a process does not show what it has open. */
export function writersIn(root: number): Writer[] {
  return treeOf(root).flatMap((pid) => {
    const [descriptors, maps] = [namesIn(`/proc/${pid}/fd`), textOf(`/proc/${pid}/maps`)];
    const status = statusOf(pid); // last
    if (!status || status.ending) return [];
    if (!descriptors || maps === undefined)
      throw new Error(`process ${pid} (${status.name}) does not show which files it writes`);
    return descriptors.flatMap((number) => descriptorOf(pid, number) ?? []).concat(mappingsIn(maps));
  });
}

function descriptorOf(pid: number, number: string): Writer | undefined {
  const [path, info] = [linkOf(`/proc/${pid}/fd/${number}`), textOf(`/proc/${pid}/fdinfo/${number}`)];
  const modes = path?.startsWith('/') === true && info !== undefined ? parseInfo(info) : undefined;
  return path === undefined || !modes ? undefined : { path, by: { descriptor: `/proc/${pid}/fd/${number}`, ...modes } };
}

/** As in Linux' asm-generic/fcntl.h, and alike on all machines that Slurm and CRIU run on. */
const [O_ACCMODE, O_RDONLY, O_WRONLY, O_APPEND] = [0o3, 0, 1, 0o2000];

/** proc_pid_fdinfo(5). Undefined: not open for writing. */
export function parseInfo(text: string): Omit<Descriptor, 'descriptor'> | undefined {
  const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(text)?.[1] ?? '0', 8);
  const position = Number(/^pos:\s*(\d+)/m.exec(text)?.[1] ?? 0);
  const access = flags & O_ACCMODE;
  if (access === O_RDONLY) return undefined; // or O_PATH
  return { appends: (flags & O_APPEND) !== 0, reads: access !== O_WRONLY, position };
}

/** proc_pid_maps(5), which writes a line's end in a name as \012 (seq_file_path in Linux' fs/seq_file.c). */
export const mappingsIn = (maps: string): Writer[] =>
  maps.split('\n').flatMap((line): Writer[] => {
    const [, inode, path] = /^\S+ .w.s \S+ \S+ (\d+)\s+(\/.*)$/.exec(line) ?? [];
    return inode === undefined || path === undefined
      ? []
      : [{ path: path.replaceAll(String.raw`\012`, '\n'), by: { inode: BigInt(inode) } }];
  });

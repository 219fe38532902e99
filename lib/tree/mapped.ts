// Files that a tree can change without a trace: a write through a shared mapping sets a file's time only when it makes a
// clean page dirty (file_update_time in Linux' filemap_page_mkwrite; on tmpfs not even then).
import { realpathSync } from 'node:fs';
import { textOf, treeOf } from '../system/proc.ts';

/** Of /proc/PID/maps (proc_pid_maps(5)): what is mapped both shared and for writing. */
export const sharedForWriting = (maps: string): string[] =>
  maps.split('\n').flatMap((line) => /^\S+ .w.s \S+ \S+ \d+\s+(\/.*)$/.exec(line)?.[1] ?? []);

/** Those in a folder, by their names in it. */
export function mappedIn(folder: string, root: number): string[] {
  const real = realPath(folder); // as the kernel names them
  const files = treeOf(root).flatMap((pid) => sharedForWriting(textOf(`/proc/${pid}/maps`) ?? ''));
  return [...new Set(files)].filter((file) => file.startsWith(`${real}/`)).map((file) => file.slice(real.length + 1));
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder; // it has gone: no file in it is found either
  }
}

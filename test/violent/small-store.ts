// A small file system for the checkpoints of one job: on ctl, which serves it to all nodes.
import path from 'node:path';
import { initOf, mustExec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';

const ALICE = 2001;

export type SmallStore = Awaited<ReturnType<typeof smallStore>>;

const onCtl = async (...command: string[]): Promise<string> => mustExec('ctl', ...command);

/** @param size as mount's option for a tmpfs */
export async function smallStore(place: Place, size: string) {
  const name = path.basename(place.folder);
  const there = `/srv/net/${name}`;
  await onCtl('mkdir', there);
  await onCtl('mount', '-t', 'tmpfs', '-o', `size=${size},mode=700,uid=${ALICE},gid=${ALICE}`, 'tmpfs', there);
  return {
    /** As jobs see it, and as it is seen from out here. */
    store: { folder: `/net/${name}`, outside: path.join('/proc', await initOf('ctl'), 'root', there) },
    remount: async (options: string) => onCtl('mount', '-o', `remount,${options}`, there),
    isFilled: async () => onCtl('sh', '-c', 'cat /dev/zero > "$1/filled" 2> /dev/null || true', 'sh', there),
    isEmptied: async () => onCtl('rm', '-f', path.join(there, 'filled')),
    /** Of somebody else, until the end of the scope. @param folder of the job, below its top */
    hasClaim: async (folder: string): Promise<AsyncDisposable> => {
      const claim = 'mkdir -p "$1" && echo {} > "$1/run.0" && chown -R alice: "$2"';
      await onCtl('sh', '-c', claim, 'sh', path.join(there, folder), there);
      return { [Symbol.asyncDispose]: async () => void (await onCtl('rm', '-r', path.join(there, folder))) };
    },
    /** As if it were not mounted: a mount point is there, root's and empty. */
    goes: async () => onCtl('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', there),
    comesBack: async () => onCtl('umount', '--lazy', there),
    [Symbol.asyncDispose]: async () => {
      await onCtl('sh', '-c', 'while umount -l "$1"; do :; done 2> /dev/null; rmdir "$1"', 'sh', there);
    },
  };
}

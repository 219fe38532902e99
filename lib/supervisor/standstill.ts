// Everything of a run that writes, stopped where it stands, and woken again: the tree, and the programs that copy for us.
import { identityOf, statusOf, treeOf } from '../system/proc.ts';
import { send } from './tree.ts';

/** Of our children these write to where the job's next run may be at work. */
const WRITERS = new Set(['rsync', 'node']);

export function standstill() {
  const stopped = new Set<number>();
  let tree: { readonly root: number; readonly identity: string | undefined } | undefined;
  return {
    guard: (root: number): void => void (tree = { root, identity: identityOf(root) }),
    root: (): number | undefined => tree?.root,
    /** What the job itself has stopped is passed over, and so is what a dump holds: that stays held (held.ts). */
    stop(): void {
      for (const pid of [...(tree ? membersOf(tree) : []), ...copying()]) {
        const status = statusOf(pid);
        if (!status || status.zombie || status.stopped || status.tracer !== 0) continue;
        stopped.add(pid);
        send(pid, 'SIGSTOP');
      }
    },
    resume(): void {
      for (const pid of stopped) send(pid, 'SIGCONT');
      stopped.clear();
    },
  };
}

/** Its number may be another process's by now. */
const membersOf = ({ root, identity }: { root: number; identity: string | undefined }): number[] =>
  identity !== undefined && identityOf(root) === identity ? treeOf(root) : [];

const copying = (): number[] =>
  treeOf(process.pid).filter((pid) => pid !== process.pid && WRITERS.has(statusOf(pid)?.name ?? ''));

// Everything of a run that writes, stopped where it stands, and woken again: the tree, and the programs that copy for us.
import { statusOf, treeOf } from '../system/proc.ts';
import { send } from './tree.ts';

/** Of our children these write to where the job's next run may be at work. */
const WRITERS = new Set(['rsync', 'node']);

export function standstill() {
  const stopped = new Set<number>();
  let root: number | undefined;
  return {
    guard: (tree: number): void => void (root = tree),
    root: (): number | undefined => root,
    /** What the job itself has stopped is passed over, and so is what a dump holds: that stays held (held.ts). */
    stop(): void {
      for (const pid of [...treeBelow(root), ...copying()]) {
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

const treeBelow = (root: number | undefined): number[] => (root === undefined ? [] : treeOf(root));

const copying = (): number[] =>
  treeOf(process.pid).filter((pid) => pid !== process.pid && WRITERS.has(statusOf(pid)?.name ?? ''));

// What of a run writes, and so stands still while its lease has run out.
import { statusOf, treeOf } from '../system/proc.ts';
import { membersOf, rootAt, send, standstill, type Root } from '../system/standstill.ts';
import { keepLease } from './keeper.ts';
import { endless, type Lease } from './lease.ts';
import { askController, askStore } from './renewal.ts';
import type { Story } from './supervise.ts';

/** Our children that write to where the job's next run may be at work. */
const COPYING = new Set(['rsync', 'node']);

const copying = (): number[] =>
  treeOf(process.pid).filter((pid) => pid !== process.pid && COPYING.has(statusOf(pid)?.name ?? ''));

type Leased = Pick<Story, 'job' | 'store' | 'agent' | 'leaseSeconds'>;

/** @param since when the job was last known to be this run's, by monotonic() */
export function leaseFrom(since: number, { job, store, agent, leaseSeconds: seconds }: Leased): Lease {
  if (seconds === 0) return endless();
  let tree: Root | undefined;
  const lease = keepLease({
    ...standstill(() => [...(tree ? membersOf(tree) : []), ...copying()]),
    guard: (pid) => void (tree = rootAt(pid)),
    seconds,
    since,
    askStore: async () => askStore(job, store),
    askController: async () => askController(job),
    renewed: (until) => tree && agent?.renewed(tree.pid, until),
  });
  // What stands still then would never go on, and somebody may wait for it.
  void lease.superseded.then(() => copying().forEach((pid) => send(pid, 'SIGKILL')));
  return lease;
}

// What of a run writes, and so stands still while its lease has run out.
import type { Agent } from '../agent/client.ts';
import type { Job } from '../job.ts';
import type { Store } from '../store/store.ts';
import { statusOf, treeOf } from '../system/proc.ts';
import { membersOf, rootAt, send, standstill, type Root } from '../system/standstill.ts';
import { keepLease } from './keeper.ts';
import { endless, type Lease } from './lease.ts';
import { askController, askStore, type Answer } from './renewal.ts';

/** Our children that write to where the job's next run may be at work. Some versions of Node call themselves by their thread. */
const COPYING = /^rsync$|^node\b|MainThread$/;

const copying = (): number[] =>
  treeOf(process.pid).filter((pid) => pid !== process.pid && COPYING.test(statusOf(pid)?.name ?? ''));

const endCopying = (): void => copying().forEach((pid) => send(pid, 'SIGKILL'));

type Of = {
  readonly job: Job;
  readonly store: Store;
  readonly agent: Pick<Agent, 'renewed'> | undefined;
  /** In its claim; 0: none. */
  readonly leaseSeconds: number;
};

/** @param since when the job was last known to be this run's, by monotonic() */
export function leaseFrom(since: number, { job, store, agent, leaseSeconds: seconds }: Of): Lease {
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
  void lease.superseded.then(endCopying);
  return lease;
}

type Asking = { readonly since: number; readonly seconds: number; readonly askStore: () => Promise<Answer> };

/** The Epilog's: a node waits for it, so what copies is ended where a supervisor's would stand still until it can be told. */
export function briefLease(asking: Asking): Lease {
  if (asking.seconds === 0) return endless();
  return keepLease({ ...OF_EPILOG, ...asking });
}

const OF_EPILOG = {
  askController: async (): Promise<Answer> => 'unknown', // the run has ended: there is nothing that it could say
  stop: endCopying,
  resume: (): void => {},
  guard: (): void => {},
  renewed: (): void => {},
};

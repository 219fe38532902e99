// System V objects. CRIU saves neither semaphores nor message queues nor shared memory that nobody is attached to, and does
// not say so: the job would compute on, wrong.
import { run } from '../system/exec.ts';
import { startOf, textOf } from '../system/proc.ts';

export type SystemV = {
  readonly kind: Kind;
  readonly id: number;
  /** Its owner and its creator. */
  readonly uids: readonly number[];
  /** When it was last made, changed or used: seconds since the epoch. */
  readonly usedAt: number;
  /** Who made it or used it last: numbers in our own pid namespace (sysvipc_proc_open in Linux' ipc/util.c). */
  readonly users: readonly number[];
};
type Kind = 'sem' | 'msg' | 'shm';

export type Suspicion = {
  readonly uid: number;
  /** The run began: seconds since the epoch. */
  readonly since: number;
  readonly tree: ReadonlySet<number>;
  /** When a process that runs was started: seconds since the epoch. */
  readonly startOf: (pid: number) => number | undefined;
};

/** A table of /proc/sysvipc (sysvipc(5)): those of our own ipc namespace. */
export function parseTable(kind: Kind, text: string): SystemV[] {
  const [header = '', ...rows] = text.trim().split('\n');
  const names = header.trim().split(/\s+/);
  return rows.map((row) => {
    const cells = row.trim().split(/\s+/).map(Number);
    const those = (wanted: RegExp): number[] => cells.filter((_, at) => wanted.test(names[at] ?? ''));
    return {
      kind,
      id: those(/^(sem|msq|shm)id$/)[0] ?? -1,
      uids: those(/^c?uid$/),
      usedAt: Math.max(0, ...those(/time$/)),
      users: those(/^(c|l|ls|lr)pid$/).filter((pid) => pid !== 0),
    };
  });
}

/** The last column of ipcs(1)'s table of a set of semaphores: who changed each of them last. Undefined without a table. */
export function parseSemaphoreUsers(ipcs: string): number[] | undefined {
  const users = ipcs.split('\n').flatMap((line) => /^\d+\s+\d+\s+\d+\s+\d+\s+(\d+)\s*$/.exec(line)?.[1] ?? []);
  return users.length === 0 ? undefined : users.map(Number).filter((pid) => pid !== 0);
}

/**
 * Rather one too many than one lost: what a process of the tree used, and what anybody of this user used since the run
 * began, unless all who are known to have used it still run, and outside of the tree: that is another job's.
 */
export function isSuspect(object: SystemV, { uid, since, tree, startOf: start }: Suspicion): boolean {
  const runs = (pid: number): boolean => (start(pid) ?? Infinity) <= object.usedAt + SLACK_SECONDS; // or it is another by now
  if (object.users.some((pid) => tree.has(pid) && runs(pid))) return true;
  if (!object.uids.includes(uid) || object.usedAt < since - SLACK_SECONDS) return false;
  return object.users.length === 0 || !object.users.every((pid) => runs(pid) && !tree.has(pid));
}

const SLACK_SECONDS = 2; // clocks that are read in whole seconds

export async function readSystemV(uid: number, tree: ReadonlySet<number>): Promise<SystemV[]> {
  const suspicion = { uid, since: Date.now() / 1000 - process.uptime(), tree, startOf };
  const tables = (['sem', 'msg', 'shm'] as const).flatMap((kind) =>
    parseTable(kind, textOf(`/proc/sysvipc/${kind}`) ?? ''),
  );
  const known = await Promise.all(
    tables.filter((object) => isSuspect(object, suspicion)).map(async (object) => withSemaphoreUsers(object)),
  );
  return known.filter((object) => object !== undefined).filter((object) => isSuspect(object, suspicion));
}

/** Undefined: it has been removed meanwhile. */
async function withSemaphoreUsers(object: SystemV): Promise<SystemV | undefined> {
  if (object.kind !== 'sem') return object;
  const { stdout } = await run(['ipcs', '--semaphores', '--id', String(object.id)], { deadlineSeconds: 60 });
  const users = parseSemaphoreUsers(stdout);
  return users && { ...object, users };
}

// Everything in a tree that can't be dumped, would be lost without a word, or would be useless elsewhere; all at once, for
// CRIU names the first, and a job's owner who mends one thing should not meet the next at the next interval.
import { mappedFinding, openFinding, isSystemV, type Finding } from './open-files.ts';
import type { Process } from './processes.ts';
import { connectionFindings, type Sockets } from './sockets.ts';
import type { SystemV } from './system-v.ts';

export type Facts = Sockets & {
  /** The root first. */
  readonly processes: readonly Process[];
  /** Those that may be the tree's. */
  readonly systemV: readonly SystemV[];
  /** The ipc namespace whose System V objects we see. */
  readonly ipcNamespace: string;
};

export type Obstacle = {
  /** None: of the job, nobody knows which process's. */
  readonly process?: Pick<Process, 'name' | 'pid'>;
  /** "uses io_uring" */
  readonly what: string;
  /** "switch it off in the program" */
  readonly remedy: string;
};

export function obstaclesIn(facts: Facts): Obstacle[] {
  const { processes, ipcNamespace } = facts;
  const [root] = processes;
  if (!root) return [];
  const findings = processes.flatMap((process) =>
    findingsIn(process, root, ipcNamespace).map((finding) => [process, finding] as const),
  );
  return [
    ...systemVObstacles(facts),
    ...[...findings, ...connectionFindings(facts)].map(([{ name, pid }, [what, remedy]]) => ({
      process: { name, pid },
      what,
      remedy,
    })),
  ];
}

const SYSTEM_V = {
  sem: ['a set of System V semaphores', '-s'],
  msg: ['a System V message queue', '-q'],
  shm: ['System V shared memory', '-m'],
} as const;

/** What is attached is named with its process, not here too. */
export function systemVObstacles({ systemV, processes }: Pick<Facts, 'systemV' | 'processes'>): Obstacle[] {
  const attached = new Set(
    processes.flatMap(({ mapped }) => mapped.filter(({ file }) => isSystemV(file)).map(({ inode }) => inode)),
  );
  return systemV
    .filter(({ kind, id }) => kind !== 'shm' || !attached.has(id))
    .map(({ kind, id }) => {
      const [object, option] = SYSTEM_V[kind];
      return {
        what: `there is ${object} (id ${id}), which would be lost`,
        remedy: `ipcrm ${option} ${id} if no longer needed`,
      };
    });
}

function findingsIn(process: Process, root: Process, ipcNamespace: string): Finding[] {
  const { name, uids, readable } = process;
  if (uids.some((uid) => uid !== root.uids[0])) return [["runs with another user's rights", 'wait until it has ended']];
  if (!readable) return [['hides its memory, or runs a program that may not be read', 'run a copy that may be read']];
  const own = ownNamespaces(process, root, ipcNamespace);
  return unique([
    ...when(name === 'srun', 'is a job step', 'start the program without srun'),
    ...when(own.length > 0, `is in a container (its own ${own.join(', ')} namespace)`, 'run it without the container'),
    ...when(process.tracer !== 0, `is traced by process ${process.tracer}`, 'detach the debugger'),
    ...when(process.seccomp !== 0, 'is in a sandbox (seccomp)', 'run it without the sandbox'),
    ...process.open.flatMap(openFinding),
    ...process.mapped.flatMap(mappedFinding),
  ]);
}

const when = (holds: boolean, what: string, remedy: string): Finding[] => (holds ? [[what, remedy]] : []);
const unique = (findings: Finding[]): Finding[] => [...new Map(findings.map((each) => [each[0], each])).values()];

/** A root apart from us in System V's respects has objects that we don't see. */
const ownNamespaces = (process: Process, root: Process, ipc: string): string[] =>
  Object.entries(process === root ? { ipc: root.namespaces['ipc'] } : process.namespaces)
    .filter(([kind, namespace]) => namespace !== (process === root ? ipc : root.namespaces[kind]))
    .map(([kind]) => kind);

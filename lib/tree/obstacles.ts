import { readFileSync } from 'node:fs';

import type { ProcessFacts } from './facts.ts';

/** Something in a tree that would make a checkpoint fail, be useless elsewhere, or be wrong without a word. */
export type Obstacle = { readonly cause: string; readonly remedy: string };

export type Surroundings = {
  readonly uid: number;
  /** Folders that other nodes don't have. */
  readonly localFolders: readonly string[];
  /** TMPDIR, which is carried along. */
  readonly scratch: string | undefined;
  /** Files that Slurm opens anew on every node: the job's output. */
  readonly outputs: readonly string[];
  readonly systemV: readonly string[];
  /** The tree is to run on after the checkpoint: criu then takes back the names that it gives to deleted files. */
  readonly runsOn: boolean;
};

/** Devices that have no state beyond their name. */
const PLAIN_DEVICES = /^\/dev\/(?:null|zero|full|random|urandom)$/;

export function findObstacles(tree: readonly ProcessFacts[], around: Surroundings): Obstacle[] {
  const [root] = tree;
  if (!root) return [];
  return [
    ...around.systemV.map((what) => ({
      cause: `there are System V ${what} of this user, which a checkpoint would lose`,
      remedy: 'remove them (ipcrm) if the job has no use for them',
    })),
    ...tree.flatMap((process) => [...obstaclesOf(process, root, around)]),
  ];
}

function* obstaclesOf(
  process: ProcessFacts,
  root: ProcessFacts,
  around: Surroundings,
): Generator<Obstacle> {
  const who = `process ${process.pid} (${process.name})`;
  if (process.uids.some((uid) => uid !== around.uid)) {
    yield { cause: `${who} runs with another user's rights`, remedy: 'wait until it has ended' };
    return;
  }
  if (!process.readable) {
    yield {
      cause: `${who} runs a program that may not be read`,
      remedy: 'use a copy that its user may read',
    };
    return;
  }
  if (process.name === 'srun') {
    yield {
      cause: `${who} runs a job step with srun`,
      remedy: 'start the program without srun, or wait until the step has ended',
    };
    return;
  }
  for (const [kind, namespace] of Object.entries(process.namespaces)) {
    if (namespace === root.namespaces[kind]) continue;
    yield {
      cause: `${who} runs in a container (its own ${kind} namespace)`,
      remedy: 'run the program without the container',
    };
    return;
  }
  for (const object of process.objects) {
    if (!object.includes('io_uring')) continue;
    yield {
      cause: `${who} uses io_uring`,
      remedy: 'switch it off in the program (for example UV_USE_IO_URING=0)',
    };
  }
  for (const file of process.files) {
    if (file.fileSystem === 'mqueue') {
      yield { cause: `${who} uses a POSIX message queue`, remedy: 'it cannot be saved' };
    } else if (file.fileSystem === 'devpts') {
      yield { cause: `${who} uses a terminal (${file.path})`, remedy: 'run it without one' };
    } else if (file.kind === 'character-device' && !PLAIN_DEVICES.test(file.path)) {
      yield { cause: `${who} uses the device ${file.path}`, remedy: 'its state cannot be saved' };
    } else if (around.runsOn && file.deleted && file.links > 0) {
      yield {
        cause: `${who} has ${file.path} open, whose name was deleted but which has another one`,
        remedy: 'use mode=requeue, or let the program close it',
      };
    } else if (!file.deleted && staysBehind(file.path, around)) {
      yield staysBehindObstacle(who, `has ${file.path} open`);
    }
  }
  for (const { path } of process.mapped) {
    if (path.startsWith('/SYSV')) {
      yield {
        cause: `${who} uses System V shared memory`,
        remedy: 'programs with a choice can use POSIX shared memory or files',
      };
    } else if (staysBehind(path, around)) {
      yield staysBehindObstacle(who, `has ${path} mapped`);
    }
  }
  if (staysBehind(process.folder, around))
    yield staysBehindObstacle(who, `works in ${process.folder}`);
}

const staysBehindObstacle = (who: string, what: string): Obstacle => ({
  cause: `${who} ${what}, which is not there on another node`,
  remedy: 'use TMPDIR or a share instead',
});

function staysBehind(path: string, around: Surroundings): boolean {
  if (around.outputs.includes(path)) return false;
  if (around.scratch !== undefined && isInside(path, around.scratch)) return false;
  return around.localFolders.some((folder) => isInside(path, folder));
}

const isInside = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

/**
 * System V objects that the job may own: CRIU saves neither semaphores nor queues nor unattached shared memory, and says nothing.
 * Who uses one can't be told in general, so those of the same user count that were used since the job's run began.
 * @param sinceSeconds seconds since the epoch
 */
export function systemVObjects(uid: number, sinceSeconds: number): string[] {
  const kinds = { sem: 'semaphores', msg: 'message queues', shm: 'shared memory' } as const;
  return Object.entries(kinds).flatMap(([file, what]) => {
    let table: string;
    try {
      table = readFileSync(`/proc/sysvipc/${file}`, 'utf8');
    } catch {
      return [];
    }
    return usedSince(table, uid, sinceSeconds) ? [what] : [];
  });
}

/** Whether a table of /proc/sysvipc (sysvipc(7)) has a row of this user with a time at or after `since`. */
export function usedSince(table: string, uid: number, since: number): boolean {
  const [header = '', ...rows] = table.trim().split('\n');
  const columns = header.trim().split(/\s+/);
  return rows.some((row) => {
    const cells = row.trim().split(/\s+/).map(Number);
    const cell = (name: string): number => cells[columns.indexOf(name)] ?? 0;
    const times = columns.filter((name) => name.endsWith('time')).map(cell);
    return (cell('uid') === uid || cell('cuid') === uid) && Math.max(...times) >= since;
  });
}

import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';

import { execa } from 'execa';

import { cluster, on, outside, tryOn, WORKERS } from '../helpers/cluster.ts';
import { findLeftovers, noteBefore } from '../helpers/leftovers.ts';
import { putShims, removeShims } from '../helpers/shims.ts';
import { QUEUE_FILE, QUEUE_WATCH, until } from '../helpers/queue.ts';
import { UIDS, User } from '../helpers/user.ts';

type Teardown = () => Promise<void>;

/** Both projects that need the cluster name this file, and vitest runs it for each: the cluster is set up once. */
const shared = globalThis as typeof globalThis & {
  cluster?: { users: number; ready: Promise<Teardown> };
};

export default async function setup(): Promise<Teardown> {
  const mine = (shared.cluster ??= { users: 0, ready: setUp() });
  mine.users += 1;
  const tearDown = await mine.ready;
  return async () => {
    mine.users -= 1;
    if (mine.users === 0) await tearDown();
  };
}

/** Brings the cluster up with the working tree on it. It stays up afterwards only if it was up before. */
async function setUp(): Promise<Teardown> {
  const wasUp = (await tryOn('n1', ['true'])).status === 0;
  await cluster('up');
  if (!wasUp) await clearAway();
  await cluster('install');
  await configureSite();
  const folder = outside('/shared/tests');
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  await putShims();
  await rm(outside(QUEUE_FILE), { force: true });
  // A node's first Prolog reads the configuration, which takes Node: not with twenty jobs at a time, whose output would
  // hold Slurm's "Prolog hung" on a busy machine.
  await new User('alice', '').run('srun', '--quiet', '--chdir=/', '--nodes=2', 'true');
  const before = await noteBefore();
  const watch = watchQueue();
  return async () => {
    try {
      const left = await findLeftovers(before);
      if (left.length > 0) {
        // vitest prints what a teardown throws, but ends with 0 all the same.
        process.exitCode = 1;
        throw new Error(`The tests left something behind:\n${left.join('\n')}`);
      }
    } finally {
      watch.stdin.end();
      await watch;
      await removeShims();
      if (!wasUp) await cluster('down');
    }
  };
}

/** What a run that was broken off left in the queue, on the nodes and in the users' stores is not for this one to answer for. */
async function clearAway(): Promise<void> {
  const users = Object.keys(UIDS);
  await until(async () => {
    for (const user of users) await tryOn('ctl', ['scancel', '--user', user]);
    return (await on('ctl', 'squeue', '--noheader')) === '';
  });
  const left = [
    ...users.map((user) => outside(`/home/${user}/.checkpointer`)),
    ...WORKERS.map((node) => outside('/var/tmp/slurm-checkpointer', node)),
  ];
  await Promise.all(left.map(async (folder) => rm(folder, { recursive: true, force: true })));
}

/** Nobody is to wait for a minute until a dead node's claim to its jobs has run out, or for ten until the cost of a checkpoint is known. */
const SITE = 'lease = 0:20\nauto_interval_min = 0:06\n';

async function configureSite(): Promise<void> {
  await writeFile(outside('/etc/slurm-checkpointer/checkpointer.ini'), SITE);
  for (const node of WORKERS) await tryOn(node, ['rm', '-f', '/run/slurm-checkpointer/site']);
}

function watchQueue() {
  const script = new URL('cluster.sh', import.meta.url).pathname;
  return execa('bash', [script, 'exec', 'ctl', '--', 'bash', '-c', QUEUE_WATCH], {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
  });
}

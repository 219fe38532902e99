// ./install.sh --demo, once Node's packages are there (demo.sh): the predecessor's documented example, in both variants, on a cluster of
// this machine's own; moved from node to node every ten seconds, followed live, and judged by what it left.
import { chmod, chown, copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf } from '../../lib/errors.ts';
import { ALICE_UID, asAlice } from '../helpers/alice.ts';
import { cluster, on, outside, tryOn, WORKERS } from '../helpers/cluster.ts';
import { hasEnded, parseJobs, type QueuedJob } from '../helpers/queue.ts';
import { Follower } from './follower.ts';
import { judge } from './verdict.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/looper');
const LONGEST_MS = 15 * 60_000;

const PROGRAMS = [
  { name: 'looper', program: 'looper.py', what: 'opens and closes its file for each number' },
  { name: 'looper-open', program: 'looper-open.py', what: 'keeps its file open all the time' },
] as const;

type DemoJob = {
  readonly name: string;
  readonly id: string;
  readonly folder: string;
  readonly follower: Follower;
};

const tell = (text = ''): void => console.log(text);

let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true;
});

async function main(): Promise<number> {
  const wasUp = (await Promise.all(WORKERS.map(async (node) => tryOn(node, ['true'])))).some(
    ({ status }) => status === 0,
  );
  try {
    tell('A Slurm cluster on this machine: controller ctl, nodes n1 and n2, each with its own');
    tell('processes, disk and clock. (The first time this takes some minutes.)');
    await cluster('up');
    tell(
      'Installing slurm-checkpointer on it, as an admin would: ./install.sh, lines in slurm.conf.\n',
    );
    await cluster('install');
    return await show();
  } finally {
    if (!wasUp) await cluster('down');
  }
}

async function show(): Promise<number> {
  const folder = `/net/demo-${Date.now()}`;
  tell(
    'Two programs count to 100, one number a second, into $TMPDIR/looper.txt and to their output.',
  );
  tell(
    'Their job script asks for a checkpoint every ten seconds: export SLURM_CHECKPOINT=0-0:00:10',
  );
  tell('After each one the job goes back to the queue, and is then restored on the other node.\n');
  const jobs: DemoJob[] = [];
  try {
    for (const each of PROGRAMS) jobs.push(await submit(each, join(folder, each.name)));
    tell();
    await followToTheEnd(jobs);
    const wrong = await verdict(jobs);
    if (wrong === 0) await rm(outside(folder), { recursive: true });
    else tell(`\nWhat the jobs left is in ${outside(folder)}`);
    return wrong === 0 ? 0 : 1;
  } finally {
    // None is left when all went well.
    if (jobs.length > 0) await tryOn('ctl', ['scancel', '--quiet', ...jobs.map(({ id }) => id)]);
  }
}

/** Lays the example out as its documentation says, and submits it. */
async function submit(
  { name, program, what }: (typeof PROGRAMS)[number],
  folder: string,
): Promise<DemoJob> {
  const here = outside(folder);
  await mkdir(join(here, 'results'), { recursive: true });
  await copyFile(join(FIXTURES, program), join(here, 'looper.py'));
  await copyFile(join(FIXTURES, 'runscript.sh'), join(here, 'runscript.sh'));
  await chmod(join(here, 'looper.py'), 0o755);
  for (const made of ['..', '.', 'results', 'looper.py', 'runscript.sh']) {
    await chown(join(here, made), ALICE_UID, ALICE_UID);
  }
  const sbatch = ['sbatch', '-o', 'out.txt', '-t', '0-1:00', 'runscript.sh'];
  const answer = await asAlice(
    folder,
    `RESULT_FOLDER=${folder}/results`,
    ...sbatch.toSpliced(1, 0, '--parsable', `--job-name=${name}`),
  );
  const id = answer.trim();
  tell(`${name}: ${what}`);
  tell(`  alice$ export RESULT_FOLDER=$(pwd)/results; ${sbatch.join(' ')}   → job ${id}`);
  const label = name.padEnd(Math.max(...PROGRAMS.map((each) => each.name.length)));
  return { name, id, folder, follower: new Follower(join(here, 'out.txt'), `${label} | `) };
}

/** Shows the jobs' output until they have ended, and sends each to the other node whenever it waits to run again. */
async function followToTheEnd(jobs: readonly DemoJob[]): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  const lastNode = new Map<string, string>();
  const sentAway = new Map<string, number>();
  for (let open = jobs; open.length > 0;) {
    if (interrupted) throw new Error('interrupted');
    if (Date.now() > deadline) throw new Error(`${names(open)} did not end in time`);
    await showFor(jobs, 1000);
    const states = await Promise.all(open.map(stateOf));
    for (const [index, { id, name }] of open.entries()) {
      const { state, restarts, nodes, reason } = states[index] as QueuedJob;
      if (/held/i.test(reason))
        throw new Error(`${name} is held (${reason}): its output above says why`);
      if (state === 'RUNNING') lastNode.set(id, nodes);
      const last = lastNode.get(id);
      if (state !== 'PENDING' || last === undefined || sentAway.get(id) === restarts) continue;
      sentAway.set(id, restarts);
      await asAlice('/', 'scontrol', 'update', `jobid=${id}`, `ExcNodeList=${last}`);
      tell(
        `demo: ${name} waits in the queue; so that it moves: scontrol update jobid=${id} ExcNodeList=${last}`,
      );
    }
    open = open.filter((_, index) => !hasEnded(states[index] as QueuedJob));
  }
  for (const { follower } of jobs) await follower.show();
}

async function showFor(jobs: readonly DemoJob[], milliseconds: number): Promise<void> {
  for (let waited = 0; waited < milliseconds; waited += 200) {
    await sleep(200);
    for (const { follower } of jobs) await follower.show();
  }
}

const names = (jobs: readonly DemoJob[]): string => jobs.map(({ name }) => name).join(' and ');

async function stateOf({ id }: DemoJob): Promise<QueuedJob> {
  const [job] = parseJobs(await on('ctl', 'scontrol', '--oneliner', 'show', 'job', id));
  if (!job) throw new Error(`Slurm no longer knows job ${id}`);
  return job;
}

/** Says for each job what happened and what does not hold. Returns how many things those are. */
async function verdict(jobs: readonly DemoJob[]): Promise<number> {
  tell('\nVerdict, from what the jobs left:');
  let wrong = 0;
  for (const job of jobs) {
    const here = outside(job.folder);
    const { state, exitCode } = await stateOf(job);
    const { summary, faults } = judge({
      output: await readFile(join(here, 'out.txt'), 'utf8'),
      results: (await readdir(join(here, 'results'))).toSorted(),
      looper: await readFile(join(here, 'results/looper.txt'), 'utf8').catch(() => undefined),
      state,
      exitCode,
      leftovers: await leftoversOf(job),
    });
    tell(`${job.name}: ${summary}`);
    for (const fault of faults) tell(`  WRONG: ${fault}`);
    wrong += faults.length;
  }
  tell(
    wrong === 0
      ? 'All is as if nobody had interrupted them: each number from 1 to 100 once and in order, in the output and in\n' +
          'the delivered looper.txt, which is alone in the result folder; same pids on every node; no checkpoint left behind.'
      : `Things that do not hold: ${wrong}`,
  );
  return wrong;
}

/** Checkpoints, and what a job may leave on a node. */
async function leftoversOf({ id }: DemoJob): Promise<string[]> {
  const run = `/run/slurm-checkpointer/${id}`;
  const places = [run, `${run}.bell`, `${run}.asked`, `/var/tmp/slurm-checkpointer/${id}`];
  const found = await Promise.all([
    tryOn('ctl', ['ls', '-d', `/home/alice/.checkpointer/${id}`]),
    ...WORKERS.map(async (node) => tryOn(node, ['ls', '-d', ...places])),
  ]);
  return found.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== ''));
}

process.exitCode = await main().catch((error: unknown) => {
  tell(`\nThe demo could not be finished: ${reasonOf(error)}`);
  return 1;
});

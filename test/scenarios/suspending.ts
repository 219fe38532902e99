// An administrator suspends jobs, or holds them, and lets them go on: nothing of a frozen tree is dumped, and nothing is lost.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { mustExec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { allJobs, until } from './slurm.ts';
import { RUNS_ON } from './writer.ts';

const scontrol = async (verb: string, job: number): Promise<unknown> => mustExec('ctl', 'scontrol', verb, String(job));

/** Of slurmstepd's, between the signal that asks and the freezer that doesn't. */
const SIGTSTP_MS = 4000;

async function isSuspendedFor(seconds: number, job: SubmittedJob): Promise<void> {
  await scontrol('suspend', job.id);
  await job.until('is suspended', ({ state }) => state === 'SUSPENDED');
  await sleep(SIGTSTP_MS);
  const before = job.lines().length;
  await sleep(seconds * 1000);
  expect(job.lines().length).toBe(before);
  await scontrol('resume', job.id);
}

for (const mode of ['requeue', 'snapshot']) {
  scenario(
    `a job in mode ${mode} that is suspended when it is to be saved is saved once it is resumed`,
    async (place) => {
      const job = await place.submit('./count 40 5', { comment: `checkpoint=0:06,mode=${mode}` });
      await job.until('is under way', () => job.lines().includes('line 4'));
      await isSuspendedFor(8, job);
      expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
      expect(job.lines()).toEqual(counted(40));
      expect(job.said().join('\n')).toMatch(mode === 'requeue' ? /restore finished/ : /done, the job runs on/);
    },
  );
}

/** As its supervisor is, which is suspended with it: nobody renews its lease. */
scenario('a job in mode snapshot that is suspended for longer than its lease goes on', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:06,mode=snapshot' });
  await job.says(RUNS_ON);
  await isSuspendedFor(60, job);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 0 });
  expect(job.lines()).toEqual(counted(40));
});

const dumpOf = (place: Place, job: SubmittedJob): string =>
  path.join(outside(place.path('.checkpointer-alice')), `sandbox-${job.id}/1.0.partial/images`);

scenario('a job that is suspended in the middle of a dump loses nothing', async (place) => {
  const script = `exec perl -e '$| = 1; my $memory = "x" x 500_000_000; for (1 .. 40) { print "line $_\\n"; select undef, undef, undef, 0.5 } exit 7'`;
  const job = await place.submit(script, { comment: 'checkpoint=0:06' });
  await until('its dump has begun', () => existsSync(dumpOf(place, job)));
  await isSuspendedFor(5, job);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '7:0' });
  expect(job.lines()).toEqual(counted(40));
  expect(job.said().join('\n')).toMatch(/restore finished/);
});

scenario('a job that is requeued and held is saved before, and goes on once released', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=1-0' });
  await job.until('is under way', () => job.lines().includes('line 6'));
  await scontrol('requeuehold', job.id);
  await job.held();
  await job.says(/Dump done/);
  expect(job.said().join('\n')).toMatch(/a last checkpoint is made before it[^]*Dump done/);
  await scontrol('release', job.id);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('what is done to an array is done to each of its tasks, and costs none of them anything', async (place) => {
  const output = place.path('task-%a.out');
  const sbatch = ['--array=1-3', `--output=${output}`];
  const array = await place.submit('./count 60 5', { comment: 'checkpoint=0:06,mode=snapshot', sbatch });
  const tasks = () => allJobs().filter((job) => job.array?.job === array.id);
  const lines = (task: number): string[] => place.lines(`task-${task}.out`).filter((line) => line.startsWith('line'));
  const are = async (what: string, holds: (task: ReturnType<typeof tasks>[number]) => boolean): Promise<unknown> =>
    until(`the tasks are ${what}`, () => tasks().length === 3 && tasks().every((task) => holds(task)));
  await until('the tasks are under way', () => [1, 2, 3].every((task) => lines(task).includes('line 6')));
  await scontrol('suspend', array.id);
  await are('suspended', ({ state }) => state === 'SUSPENDED');
  await scontrol('resume', array.id);
  await are('running', ({ state }) => state === 'RUNNING');
  await scontrol('requeuehold', array.id);
  await are('held', ({ text, state }) => state === 'PENDING' && / Reason=\S*held/i.test(text));
  await scontrol('release', array.id);
  await are('over', ({ state, exitCode }) => state === 'FAILED' && exitCode === '5:0');
  for (const task of [1, 2, 3]) expect(lines(task)).toEqual(counted(60));
});

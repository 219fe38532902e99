// Hooks that come late, or not at all: the Epilog of a run that was lost with its node, a Prolog that left nothing.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { COMPUTE_NODES, own } from '../cluster/layout.ts';
import { exec, mustExec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

/** For the site's Prolog, on each node where the job may run next. */
function flagged(what: string, { id }: SubmittedJob): Disposable {
  const flags = COMPUTE_NODES.map((node) => path.join(own(node), `tmp/${what}-${id}`));
  for (const flag of flags) writeFileSync(flag, '');
  return { [Symbol.dispose]: () => flags.forEach((flag) => rmSync(flag, { force: true })) };
}

scenario(
  'an Epilog that comes between the Prolog of a later run and its script costs that one nothing',
  async (place) => {
    const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:06' });
    await job.says(/^Requeueing/);
    using _late = flagged('late-epilog', job);
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(40));
  },
);

scenario('a late Epilog of an earlier run leaves the run that is there alone', async (place) => {
  const job = await place.submit('./count 60 5', { comment: 'checkpoint=0:08' });
  await job.says(/restore finished/);
  const { node, restarts } = await job.until('runs again', (now) => now.state === 'RUNNING' && now.restarts > 0);
  // Slurm tells it the count of its own run, or the next one's, as for any requeue.
  const late = async (count: number): Promise<unknown> =>
    exec(node, [
      'env',
      `SLURM_JOB_ID=${job.id}`,
      `SLURM_JOB_RESTART_COUNT=${count}`,
      '/opt/slurm-checkpointer/hooks/epilog',
    ]);
  expect(await Promise.all([late(restarts - 1), late(restarts)])).toMatchObject([{ status: 0 }, { status: 0 }]);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(60));
  expect(job.said().filter((line) => /restore finished/.test(line)).length).toBeGreaterThan(1);
});

/** One run after the other, wherever they are. */
async function runsWithoutProlog(runs: number, job: SubmittedJob): Promise<void> {
  for (let run = 1; run <= runs; run += 1) {
    using _none = flagged('no-prolog', job);
    await job.untilHeldOrNot(`has had ${run} runs without a Prolog`, () => withoutProlog(job).length === run);
  }
}

const withoutProlog = (job: SubmittedJob): string[] =>
  job.said().filter((line) => line.startsWith('Not started: the Prolog has left no '));

scenario('a run that has had no Prolog does not begin the job again: the next one goes on', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
  await job.says(/^Requeueing/);
  await runsWithoutProlog(1, job);
  expect(withoutProlog(job)).toEqual([expect.stringMatching(/The job is requeued, and goes on in its next run\.$/)]);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('a job of which two runs have had no Prolog is held', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
  await job.says(/^Requeueing/);
  await runsWithoutProlog(2, job);
  await job.held();
  expect(job.said().at(-1)).toMatch(/as in the run before\. The job is requeued and held/);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('a job that asks only for its results does not run where it has had no Prolog', async (place) => {
  const results = place.makeFolder('delivered');
  const job = await place.submit('sleep 5; echo done > $TMPDIR/result', { comment: `results=${results}` });
  await job.until('runs', ({ state }) => state === 'RUNNING');
  await asAlice('ctl', 'scontrol', 'requeue', String(job.id));
  await runsWithoutProlog(1, job);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(place.lines('delivered/result')).toEqual(['done']);
});

scenario('a job that asks for nothing, and never has, runs where it has had no Prolog', async (place) => {
  const job = await place.submit('sleep 5; echo $SLURM_RESTART_COUNT');
  await job.until('runs', ({ state }) => state === 'RUNNING');
  await asAlice('ctl', 'scontrol', 'requeue', String(job.id));
  using _none = flagged('no-prolog', job);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.lines()).toEqual(['1']);
  expect(job.said()).toEqual([]);
});

scenario('a job is held where its run has had no Prolog, and can not look for its checkpoints', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
  await job.says(/^Requeueing/);
  await job.until('waits for its next run', ({ state, restarts }) => state === 'PENDING' && restarts === 1);
  chmodSync(place.store(job), 0o000);
  {
    using _none = flagged('no-prolog', job);
    await job.held();
  }
  expect(job.said().at(-1)).toMatch(/^Not started: .* could not look for checkpoints \(EACCES: .*requeued and held/);
  chmodSync(place.store(job), 0o700);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('a job that asks in its script goes on, too, where a run has had no Prolog', async (place) => {
  const job = await place.submit('export SLURM_CHECKPOINT=0:05\n./count 40 5');
  await job.says(/^Requeueing/);
  await runsWithoutProlog(1, job);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('a job that no longer asks for anything goes on, too, where a run has had no Prolog', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
  await job.says(/^Requeueing/);
  await asAlice('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Comment=');
  await runsWithoutProlog(1, job);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

const PROGRAM = '/opt/slurm-checkpointer/dist/no-prolog.js';

scenario('a job is held, and told why, where a run has had no Prolog and our program does not work', async (place) => {
  const sbatch = ['--partition=tmpdir'];
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05', sbatch });
  await job.says(/^Requeueing/);
  for (const node of ['n5', 'n6']) await mustExec(node, 'mount', '--bind', '/dev/null', PROGRAM);
  {
    using _none = flagged('no-prolog', job);
    await job.held().finally(async () => {
      for (const node of ['n5', 'n6']) await mustExec(node, 'umount', PROGRAM);
    });
  }
  expect(job.said().at(-1)).toMatch(/^Not started: the Prolog has left no .* on n[56]\. The job is requeued and held/);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

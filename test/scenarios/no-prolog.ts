// Runs that Slurm has given no Prolog, or whose Prolog left nothing.
import { chmodSync } from 'node:fs';
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { flagged } from './flags.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place, Wishes } from './place.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

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

async function begunWithoutProlog(place: Place, script: string, wishes: Wishes = {}): Promise<SubmittedJob> {
  const job = await place.submit(script, { ...wishes, sbatch: ['--hold'] });
  using _none = flagged('no-prolog', job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  await job.untilHeldOrNot('has written something', () => job.lines().length + job.said().length > 0);
  return job;
}

scenario('a job whose first run has had no Prolog runs without checkpoints, and is told so', async (place) => {
  const env = { SLURM_RESTART_COUNT: '3' }; // of the job that submitted it
  const job = await begunWithoutProlog(place, './count 10 3', { comment: 'checkpoint=0:05', env });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '3:0' });
  expect(job.lines()).toEqual(counted(10));
  expect(job.said()).toEqual([
    expect.stringMatching(/^The Prolog has left no .* on n\d+; .* runs without checkpoints$/),
  ]);
});

scenario('a job that asks for nothing hears nothing of a Prolog that its first run has not had', async (place) => {
  const job = await begunWithoutProlog(place, 'echo "${SLURM_RESTART_COUNT:-none}"');
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', restarts: 0 });
  expect(job.lines()).toEqual(['none']);
  expect(job.said()).toEqual([]);
});

scenario('a job that asks for its results is held where its first run has had no Prolog', async (place) => {
  const results = place.makeFolder('delivered');
  const job = await begunWithoutProlog(place, `export RESULT_FOLDER=${results}\necho done > $TMPDIR/result`);
  await job.held();
  expect(job.said()).toEqual([
    expect.stringMatching(/^Not started: .*requeued and held, for its results would not be/),
  ]);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
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

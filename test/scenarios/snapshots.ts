// mode=snapshot: a job is saved while it runs. Whatever happens after, it goes on from there, exact to the byte.
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { killAgent } from './nodes.ts';
import { scenario } from './scenario.ts';
import { beyondSnapshot, isExact, RUNS_ON, submitWriter } from './writer.ts';

scenario('a job in mode snapshot is saved while it runs, and stays where it is', async (place) => {
  const job = await submitWriter(place, 60);
  await isExact(place, job, 60);
  expect(job.record()?.restarts).toBe(0);
  expect(job.said().filter((line) => RUNS_ON.test(line)).length).toBeGreaterThanOrEqual(2);
});

scenario('what a job wrote after its snapshot is undone before it is written again', async (place) => {
  const job = await submitWriter(place, 50, { comment: 'checkpoint=0:06,mode=snapshot' });
  const node = await beyondSnapshot(job);
  await killAgent(node, job.id);
  await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
  await job.says(/restore finished/);
  expect(job.said().join('\n')).toMatch(/appended had grown, and was cut back/);
  await isExact(place, job, 50);
});

scenario('a job whose supervisor is killed goes on from its snapshot', async (place) => {
  const job = await submitWriter(place, 50);
  const node = await beyondSnapshot(job);
  await exec(node, ['pkill', '-9', '-u', 'alice', '-f', `supervisor.js ${job.id} `]);
  await job.says(/restore finished/);
  await isExact(place, job, 50);
});

scenario('a job in mode snapshot moves on before its time limit', async (place) => {
  const job = await place.submit('./count 160 5', { comment: 'checkpoint=0:20,mode=snapshot', sbatch: ['--time=1'] });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.record()?.restarts).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(counted(160));
});

scenario('a job that begins again before its first checkpoint writes every line once', async (place) => {
  const job = await place.submit('./count 30 5', { comment: 'checkpoint=1-0' });
  const { node } = await job.until('is under way', () => job.lines().includes('line 6'));
  await killAgent(node, job.id);
  await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
  await job.says(/What its earlier run wrote is written again/);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 1 });
  expect(job.lines()).toEqual(counted(30));
});

scenario('a job that came to its end does not run again, whoever requeues it', async (place) => {
  const job = await place.submit('./count 6 5', { comment: 'checkpoint=1-0' });
  const { restarts } = await job.over();
  await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
  await job.until('runs again', (record) => record.restarts > restarts);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(6));
  expect(job.said().at(-1)).toMatch(/^The job came to its end on \w+, .*submit it once more/);
});

// Slurm ends a run that was not over: what was done is saved before.
import path from 'node:path';
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { killAgent } from './nodes.ts';
import { scenario } from './scenario.ts';

scenario('a requeue by somebody else is a last call: nothing is done twice', async (place) => {
  // As if it had been submitted from inside a requeued job, whose count it inherits.
  const job = await place.submit('./count 30 0', { comment: 'checkpoint=1-0', env: { SLURM_RESTART_COUNT: '3' } });
  await job.until('is under way', () => job.lines().includes('line 6'));
  await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', restarts: 1 });
  expect(job.lines()).toEqual(counted(30));
});

scenario('a job that needs longer than its time limit is saved before that, and comes to its end', async (place) => {
  const job = await place.submit('./count 100 3', { comment: 'checkpoint=0-1', sbatch: ['--time=1'] });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '3:0', restarts: 1 });
  expect(job.lines()).toEqual(counted(100));
  expect(job.said()[0]).toMatch(/^Warning: the time between checkpoints \(01:00:00\) is not smaller .* \(00:01:00\)/);
});

scenario('a time limit that was shortened behind our back is a last call, too', async (place) => {
  const job = await place.submit('./count 200 0', { comment: 'checkpoint=1-0', sbatch: ['--time=20'] });
  await job.until('is under way', () => job.lines().includes('line 3'));
  await exec('ctl', ['scontrol', 'update', `JobId=${job.id}`, 'TimeLimit=1']);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.lines()).toEqual(counted(200));
  expect(job.said().join('\n')).toMatch(/a last checkpoint is made before it[^]*restore finished/);
});

scenario('SIGTERM for the script alone is no more than a signal', async (place) => {
  const job = await place.submit(`trap 'echo TERM' TERM; ./count 24 0 & wait; wait; wait`, {
    comment: 'checkpoint=0:05',
  });
  await job.until('is under way', () => job.lines().includes('line 3'));
  await exec('ctl', ['scancel', '--batch', '--signal=TERM', String(job.id)]);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines().filter((line) => line !== 'TERM')).toEqual(counted(24));
  expect(job.lines()).toContain('TERM');
});

scenario(
  'a requeue without time for a last call repeats no line: what will be written again is taken out',
  async (place) => {
    const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
    await job.says(/restore finished/);
    const { node } = await job.until('runs again', ({ state, restarts }) => state === 'RUNNING' && restarts === 1);
    await killAgent(node, job.id);
    const before = job.lines().length;
    await job.until('has gone on', () => job.lines().length > before + 4);
    await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
    const undone = await job.says(/taken out of its output; it is kept in/);
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(40));
    const kept = place.lines(path.relative(place.folder, undone.replace(/.* kept in /, '')));
    expect(kept.length).toBeGreaterThan(2);
    expect(counted(40).join()).toContain(kept.join());
  },
);

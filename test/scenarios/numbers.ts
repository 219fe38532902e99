// Slurm counts jobs and their runs; a controller that lost some of its state gives a number twice.
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice, until } from './slurm.ts';

const ALICE = 2001;

scenario('a run whose number has been there before is held, and the job goes on in another', async (place) => {
  const job = await place.submit('./count 30 5', { comment: 'checkpoint=0:06' });
  await job.says(/^Requeueing/);
  const earlier = path.join(place.store(job), 'run.0.released');
  await until('its first run is over', () => existsSync(earlier));
  const other = path.join(place.store(job), 'run.1');
  writeFileSync(other, readFileSync(earlier, 'utf8').replace('"run":0', '"run":1'));
  await job.held();
  expect(job.said().at(-1)).toMatch(/^Checkpoint not restored: Slurm has started run 1 of the job twice, .* held/);
  expect(place.leftInStore(job)).toEqual(expect.arrayContaining(['1', 'run.1']));
  rmSync(other);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(30));
});

scenario('a job that finds files of another one with its number is held, and touches none of them', async (place) => {
  const job = await place.submit('./count 10 5', { comment: 'checkpoint=1-0', sbatch: ['--hold'] });
  const store = place.store(job);
  mkdirSync(path.join(store, '1'), { recursive: true });
  writeFileSync(path.join(store, '1/manifest.json'), 'of another');
  for (const each of [path.dirname(store), store, path.join(store, '1')]) chownSync(each, ALICE, ALICE);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  await job.held();
  expect(job.said().at(-1)).toMatch(/Slurm calls this the job's first run, but \S+ has files .* held/);
  expect(readFileSync(path.join(store, '1/manifest.json'), 'utf8')).toBe('of another');
  expect(job.lines()).toEqual([]);
  rmSync(store, { recursive: true });
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(10));
});

// A node loses power. Each scenario has two of its own, which take no other jobs.
import { expect } from 'vitest';
import { exec, turnOff } from '../cluster/node.ts';
import { counted } from './job.ts';
import { isBack } from './nodes.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';
import { beyondSnapshot, isExact, submitWriter } from './writer.ts';

const scontrol = async (...args: string[]): Promise<void> =>
  expect(await exec('ctl', ['scontrol', ...args])).toMatchObject({ status: 0 });

/** Slurm is told, lest everybody wait for its SlurmdTimeout. */
async function losesPower(name: string): Promise<void> {
  await turnOff(name);
  await scontrol('update', `NodeName=${name}`, 'State=DOWN', 'Reason=power');
}

scenario('a job whose node loses power goes on elsewhere from its snapshot, exact to the byte', async (place) => {
  const job = await submitWriter(place, 60, { sbatch: ['--partition=power'] });
  const node = await beyondSnapshot(job);
  await losesPower(node);
  await job.says(new RegExp(`An earlier run of the job, on ${node}, has not said that it is over: waiting up to 45 s`));
  await job.says(/restore finished/);
  await isBack(node);
  await isExact(place, job, 60);
  // What the lost run left on its node goes with the next job there.
  const next = await place.submit('./count 1 0', {
    comment: 'checkpoint=1-0',
    sbatch: ['--partition=power', `--nodelist=${node}`],
  });
  expect(await next.over()).toMatchObject({ state: 'COMPLETED' });
});

scenario(
  'a job in mode requeue whose node loses power is held until somebody says that the node is off',
  async (place) => {
    const job = await place.submit('./count 50 5', { comment: 'checkpoint=0:06', sbatch: ['--partition=fuse'] });
    await job.says(/restore finished/);
    const before = job.lines().length;
    const { node } = await job.until('goes on', ({ state }) => state === 'RUNNING' && job.lines().length > before + 2);
    await losesPower(node);
    await job.held();
    const [, from = '', to = ''] = /once .*: mv (\S+) (\S+)\. The job/i.exec(job.said().at(-1) ?? '') ?? [];
    expect(job.said().at(-1)).toMatch(new RegExp(`run 1 of the job, on ${node}, has not said that it is over.* held`));
    await isBack(node);
    await asAlice('ctl', 'mv', from, to);
    await asAlice('ctl', 'scontrol', 'release', String(job.id));
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(50));
  },
);

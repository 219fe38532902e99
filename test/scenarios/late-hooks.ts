// An Epilog that comes late: that of a run which was lost with its node.
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { flagged } from './flags.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

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

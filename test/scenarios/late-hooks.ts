// Hooks that come late, or not at all: the Epilog of a run that was lost with its node, a Prolog that left nothing.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { own } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

/** For the site's Prolog, on each node where the job may run next. */
function flagged(what: string, { id }: SubmittedJob): Disposable {
  const flags = ['n1', 'n2', 'n3', 'n4'].map((node) => path.join(own(node), `tmp/${what}-${id}`));
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

scenario(
  'a job that has checkpoints is held where its run has had no Prolog, and does not begin again',
  async (place) => {
    const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
    await job.says(/^Requeueing/);
    {
      using _none = flagged('no-prolog', job);
      await job.held();
    }
    expect(job.said().at(-1)).toMatch(/^Checkpoint not restored: the Prolog has left no .* requeued and held/);
    await asAlice('ctl', 'scontrol', 'release', String(job.id));
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(40));
  },
);

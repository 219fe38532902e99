// A node is wanted by somebody else: its jobs are preempted, or it is drained or booted. They go on elsewhere, or later.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { own } from '../cluster/layout.ts';
import { mustExec, turnOff } from '../cluster/node.ts';
import { Turns } from '../violent/turns.ts';
import { counted, type SubmittedJob } from './job.ts';
import { UNMOVED } from './mover.ts';
import { isBack } from './nodes.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { until } from './slurm.ts';

const [WANTED, OTHER] = ['n12', 'n13'];
/** One after the other has these nodes. */
const nodes = new Turns();

/** A job of somebody who may have all of the node at once. */
async function isPreempted(place: Place, { id }: SubmittedJob): Promise<void> {
  const wants = ['--partition=high', `--nodelist=${WANTED}`, '--exclusive'];
  const urgent = await place.submit('sleep 2', { user: 'bob', sbatch: wants });
  await urgent.over();
  expect(await mustExec('ctl', 'scontrol', 'show', 'job', String(id))).toMatch(/Restarts=1 /);
}

for (const { mode, comment, says } of [
  { mode: 'requeue', comment: 'checkpoint=1-0', says: /a last checkpoint is made before it[^]*restore finished/ },
  // It looks at its limit before each checkpoint, which is the last one here.
  { mode: 'snapshot', comment: 'checkpoint=0:05,mode=snapshot', says: /Requeueing[^]*restore finished/ },
]) {
  scenario(`a job in mode ${mode} that is preempted with a GraceTime is saved once more, and goes on`, async (place) =>
    nodes.take(async () => {
      const sbatch = ['--partition=low', `--nodelist=${WANTED}`, UNMOVED];
      const job = await place.submit('./count 110 5', { comment, sbatch });
      await job.until('is under way', () => job.lines().includes('line 6'));
      await isPreempted(place, job);
      expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
      expect(job.lines()).toEqual(counted(110));
      expect(job.said().join('\n')).toMatch(says);
    }),
  );
}

scenario(
  'a job that is told of its preemption by a signal gives way at once, not at the end of the GraceTime',
  async (place) =>
    nodes.take(async () => {
      const sbatch = ['--partition=low', `--nodelist=${WANTED}`, UNMOVED, '--signal=B:USR1@5'];
      const script = `trap 'echo told' USR1; for i in $(seq 60); do echo "line $i"; sleep 0.5; done; exit 5`;
      const job = await place.submit(script, { comment: 'checkpoint=1-0', sbatch });
      await job.until('is under way', () => job.lines().includes('line 6'));
      await isPreempted(place, job);
      expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
      expect(job.lines().filter((line) => line !== 'told')).toEqual(counted(60));
      expect(job.lines()).toContain('told');
      expect(job.said().join('\n')).toMatch(/Requeueing[^]*restore finished/);
      expect(job.said().join('\n')).not.toMatch(/a last checkpoint/);
    }),
);

/** So much less than this machine's that its clocks begin anew. */
const justBooted = (): number => -Math.floor(Number(process.hrtime.bigint()) / 1e9);

scenario('a node that is to be booted is, once its job has moved on at its next checkpoint', async (place) =>
  nodes.take(async () => {
    const job = await place.submit('./count 60 5', {
      comment: 'checkpoint=0:08',
      sbatch: ['--partition=low', UNMOVED],
    });
    const { node } = await job.until('is under way', () => job.lines().includes('line 2'));
    await mustExec('ctl', 'scontrol', 'reboot', 'ASAP', 'nextstate=RESUME', node);
    const booting = path.join(own(node), 'log/booting');
    await until(`${node} is to be booted`, () => existsSync(booting));
    rmSync(booting);
    await turnOff(node);
    await job.says(new RegExp(`restore finished on ${WANTED === node ? OTHER : WANTED}`));
    await isBack(node, justBooted());
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(60));
  }),
);

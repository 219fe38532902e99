// A node is wanted by somebody else: its jobs are preempted, or it is drained or booted. They go on elsewhere, or later.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { own } from '../cluster/layout.ts';
import { mustExec, turnOff } from '../cluster/node.ts';
import { Turns } from './turns.ts';
import { counted } from './job.ts';
import { UNMOVED } from './mover.ts';
import { isBack } from './nodes.ts';
import { scenario } from './scenario.ts';
import { until } from './slurm.ts';

const [WANTED, OTHER] = ['n12', 'n13'];
/** One after the other has these nodes. */
const nodes = new Turns();

const UNTOLD = './count 110 5';
const TOLD = `trap 'echo told' USR1; for i in $(seq 110); do echo "line $i"; sleep 0.5; done; exit 5`;
const PREEMPTED = [
  // Slurm sends a batch script no SIGTERM when its GraceTime begins, but at its end: a last call.
  { script: UNTOLD, comment: 'checkpoint=1-0', says: /a last checkpoint is made before it[^]*restore finished/ },
  // It looks at its limit before each checkpoint, which is the last one here.
  { script: UNTOLD, comment: 'checkpoint=0:05,mode=snapshot', says: /Requeueing[^]*restore finished/ },
  // PreemptParameters=send_user_signal: at once.
  { script: TOLD, comment: 'checkpoint=1-0', says: /^(?![^]*a last checkpoint)[^]*Requeueing[^]*restore finished/ },
];

scenario('jobs that are preempted with a GraceTime are saved once more, and go on', async (place) =>
  nodes.take(async () => {
    const sbatch = ['--partition=low', `--nodelist=${WANTED}`, UNMOVED, '--signal=B:USR1@5'];
    const jobs = await Promise.all(
      PREEMPTED.map(async ({ script, comment }) =>
        place.submit(script, { comment, sbatch: script === TOLD ? sbatch : sbatch.slice(0, -1) }),
      ),
    );
    await Promise.all(jobs.map(async (job) => job.until('is under way', () => job.lines().includes('line 6'))));
    // Somebody who may have all of the node at once.
    await place.submit('sleep 2', { user: 'bob', sbatch: ['--partition=high', `--nodelist=${WANTED}`, '--exclusive'] });
    for (const [at, job] of jobs.entries()) {
      expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
      expect(job.lines().filter((line) => line !== 'told')).toEqual(counted(110));
      expect(job.said().join('\n')).toMatch(PREEMPTED[at]!.says);
    }
    expect(jobs[2]!.lines()).toContain('told');
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

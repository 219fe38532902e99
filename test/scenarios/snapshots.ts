// mode=snapshot: a job is saved while it runs. Whatever happens after, it goes on from there, exact to the byte.
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';

const SNAPSHOT = 'checkpoint=0:04,mode=snapshot';
const RUNS_ON = /^Checkpoint \d+ done, the job runs on/;

/** Writes each line to its output, to a file on the share that stays open, and into TMPDIR. */
const writer = (lines: number): string => `exec 3>> appended
for i in $(seq ${lines}); do echo "line $i"; echo "line $i" >&3; echo "line $i" >> $TMPDIR/result; sleep 0.5; done; exit 5`;

const submitWriter = async (place: Place, lines: number, comment = SNAPSHOT): Promise<SubmittedJob> =>
  place.submit(writer(lines), { comment: `${comment} results=${place.path('results')}` });

async function isExact(place: Place, job: SubmittedJob, lines: number): Promise<void> {
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(lines));
  expect(place.lines('appended')).toEqual(counted(lines));
  expect(place.lines('results/result')).toEqual(counted(lines));
  expect(place.leftInStore(job).filter((name) => name !== 'undone')).toEqual([]);
}

scenario('a job in mode snapshot is saved while it runs, and stays where it is', async (place) => {
  const job = await submitWriter(place, 30);
  await isExact(place, job, 30);
  expect(job.record()?.restarts).toBe(0);
  expect(job.said().filter((line) => RUNS_ON.test(line)).length).toBeGreaterThanOrEqual(2);
});

/** Until it has written some lines more than were saved. */
async function beyondSnapshot(job: SubmittedJob): Promise<string> {
  await job.says(RUNS_ON);
  const before = job.lines().length;
  const { node } = await job.until(
    'has gone on',
    ({ state }) => state === 'RUNNING' && job.lines().length > before + 3,
  );
  return node;
}

scenario('what a job wrote after its snapshot is undone before it is written again', async (place) => {
  const job = await submitWriter(place, 50, 'checkpoint=0:06,mode=snapshot');
  const node = await beyondSnapshot(job);
  await exec(node, ['sh', '-c', `kill -9 $(cat /run/slurm-checkpointer/${job.id}/pid)`]); // no last call without the agent
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
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 1 });
  expect(job.lines()).toEqual(counted(160));
});

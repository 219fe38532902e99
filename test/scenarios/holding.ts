// What can't be restored waits, with its checkpoint, for somebody to mend the cause: it never starts again from zero.
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { COMPUTE_NODES, outside, own } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

const LINES = counted(20);

/** Reads a file that only the node of its first run has: it is dumped there, and can't be restored on the next one. */
async function stranded(place: Place): Promise<SubmittedJob> {
  const script = `echo data > /tmp/only-here-$SLURM_JOB_ID\nexec 3< /tmp/only-here-$SLURM_JOB_ID\n./count 20 5`;
  const job = await place.submit(script, { comment: 'checkpoint=0:05' });
  await job.held();
  return job;
}

const fileOn = (node: string, job: SubmittedJob): string => path.join(own(node), `tmp/only-here-${job.id}`);

/** The file on every node, for as long as the scenario lasts. */
function bridged(job: SubmittedJob): Disposable {
  const origin = COMPUTE_NODES.map((node) => fileOn(node, job)).find((file) => existsSync(file));
  if (origin === undefined) throw new Error('no node has the file');
  for (const node of COMPUTE_NODES) {
    if (fileOn(node, job) !== origin) cpSync(origin, fileOn(node, job), { preserveTimestamps: true });
    chmodSync(fileOn(node, job), 0o644);
  }
  return { [Symbol.dispose]: () => COMPUTE_NODES.forEach((node) => rmSync(fileOn(node, job), { force: true })) };
}

async function supervisorOf(job: SubmittedJob, node: string): Promise<string> {
  const wait = 'until pgrep -u alice -f "$1"; do sleep 0.1; done';
  return (await exec(node, ['sh', '-c', wait, 'wait', `supervisor.js ${job.id} `])).stdout;
}

scenario('a job that cannot be restored is held with its checkpoint, and goes on once released', async (place) => {
  const job = await stranded(place);
  expect(job.said().at(-1)).toMatch(/^Checkpoint not restored: \/tmp\/only-here-\d+ is missing on this node: .* held/);
  expect(place.leftInStore(job)).toEqual(['1']);

  using _file = bridged(job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

scenario('a job whose store cannot be read is held, and does not start from the beginning', async (place) => {
  const job = await stranded(place);
  chmodSync(place.store(job), 0o000);
  using _file = bridged(job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  await job.held();
  expect(job.said().at(-1)).toMatch(/^Checkpoint not restored: EACCES: permission denied.* held/);

  chmodSync(place.store(job), 0o700);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

scenario('a job that cannot be restored is held even if it was not to be requeued', async (place) => {
  const job = await stranded(place);
  await asAlice('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Requeue=0');
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  await job.held();
  expect(job.said().at(-1)).toMatch(/^Checkpoint not restored: .* held/);

  using _file = bridged(job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

scenario('a job that can be neither restored nor held keeps its checkpoint, and goes on from it', async (place) => {
  const job = await stranded(place);
  using _file = bridged(job);
  const manifest = path.join(place.store(job), '1/manifest.json');
  const kept = outside(place.path('manifest')); // beside the checkpoint it would be damage
  renameSync(manifest, kept);
  await execa('mkfifo', ['--mode=666', manifest]); // its supervisor waits here twice, until we have taken from it what it needs
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  const { node, restarts } = await job.until('runs', ({ state }) => state === 'RUNNING');
  const supervisor = await supervisorOf(job, node);
  await writeFile(manifest, await readFile(kept)); // what it asks for
  await asAlice(node, 'prlimit', `--pid=${supervisor}`, '--nproc=1'); // as if alice had no process left on this node
  await writeFile(manifest, await readFile(kept));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '1:0', restarts });
  expect(job.said().at(-1)).toMatch(/^Slurm did not hold the job \(.*EAGAIN.*\)\. It ends here, .* scontrol requeue/);

  renameSync(kept, manifest);
  await asAlice('ctl', 'scontrol', 'requeue', String(job.id));
  await job.until('runs again', (record) => record.restarts > restarts);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

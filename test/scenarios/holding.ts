// What can't be restored waits, with its checkpoint, for somebody to mend the cause: it never starts again from zero.
import { chmodSync, renameSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { asAlice, until } from './slurm.ts';
import { bridged, uprooted } from './uprooted.ts';

const LINES = counted(20);

/** Held, and nothing is left of the run that found no way: the next one would ask for somebody's word on it. */
async function stranded(place: Place): Promise<SubmittedJob> {
  const job = await uprooted(place, ['--exclude=n9']);
  await job.held();
  const claimed = (): boolean => place.leftInStore(job).some((name) => /^run\.\d+$/.test(name));
  await until(`the last run of job ${job.id} has ended`, () => !claimed());
  return job;
}

async function supervisorOf(job: SubmittedJob, node: string): Promise<string> {
  const wait = 'until pgrep -u alice -f "$1"; do sleep 0.1; done';
  return (await exec(node, ['sh', '-c', wait, 'wait', `supervisor.js ${job.id} `])).stdout;
}

const excludes = async (job: SubmittedJob, nodes: string): Promise<unknown> =>
  job.untilHeldOrNot(`excludes ${nodes} again`, ({ text }) => text.includes(` ExcNodeList=${nodes} `));

scenario('a job that no node can restore is held with its checkpoint, and goes on once released', async (place) => {
  const job = await stranded(place);
  const missing = String.raw`\/tmp\/only-here-\d+ is missing on this node: .*`;
  const said = job.said().join('\n');
  expect(said.match(/\d of 3/g)).toEqual(['1 of 3', '2 of 3', '3 of 3']);
  const tried = [...said.matchAll(new RegExp(`not restored on (n\\d): ${missing}Requeueing`, 'g'))].map(
    ([, node]) => node,
  );
  expect(new Set(tried).size).toBe(3);
  const last = new RegExp(
    `^Checkpoint not restored: ${missing}; nor was it on ${tried.join(', ')} \\(3 tries\\)\\. .* held`,
  );
  expect(job.said().at(-1)).toMatch(last);
  expect(place.leftInStore(job)).toContain('1');
  await excludes(job, 'n9');

  using _file = bridged(place, job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

scenario('a job whose store cannot be read is held, and does not start from the beginning', async (place) => {
  const job = await stranded(place);
  chmodSync(place.store(job), 0o000);
  using _file = bridged(place, job);
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

  using _file = bridged(place, job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(LINES);
});

scenario('a job that can be neither restored nor held keeps its checkpoint, and goes on from it', async (place) => {
  const job = await stranded(place);
  using _file = bridged(place, job);
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

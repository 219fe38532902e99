// The job's working directory, with its checkpoints, is missing on the node of its next run: slurmstepd starts it in /tmp.
import { existsSync, renameSync } from 'node:fs';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { counted, type SubmittedJob } from './job.ts';
import { UNMOVED } from './mover.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { asAlice, until } from './slurm.ts';

async function requeuedWithoutFolder(place: Place, meanwhile?: (job: SubmittedJob) => Promise<unknown>) {
  const [folder, away] = [place.makeFolder('work'), outside(place.path('away'))];
  const script = `${place.path('count')} 20 5`;
  const job = await place.submit(script, {
    comment: 'checkpoint=0:04',
    sbatch: [`--chdir=${folder}`, '--partition=main', UNMOVED],
  });
  await job.says(/^Requeueing/);
  await meanwhile?.(job);
  const store = outside(`${folder}/.checkpointer-alice/sandbox-${job.id}`);
  await until('its first run is over', () => existsSync(`${store}/run.0.released`));
  renameSync(outside(folder), away);
  return { job, bringBack: () => renameSync(away, outside(folder)) };
}

scenario(
  'a job whose working directory is missing on one node after another is held, and goes on once it is back',
  async (place) => {
    const { job, bringBack } = await requeuedWithoutFolder(place);
    await job.held();
    const tried = /not restored on (n[12]): \S+\/work: there is no such .* tried \(1 of 3\)/;
    const [, node] = tried.exec(job.said().join('\n')) ?? [];
    const last = `not restored: \\S+/work: there is no such folder on this node; excluded by now: ${node}; and there is no other .* held`;
    expect(job.said().at(-1)).toMatch(new RegExp(last));
    bringBack();
    await asAlice('ctl', 'scontrol', 'release', String(job.id));
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines().filter((line) => !/chdir/.test(line))).toEqual(counted(20));
  },
);

scenario(
  'a job that no longer asks for checkpoints, and whose folder is missing, says so and keeps them',
  async (place) => {
    const { job, bringBack } = await requeuedWithoutFolder(place, async ({ id }) =>
      asAlice('ctl', 'scontrol', 'update', `JobId=${id}`, 'Comment='),
    );
    const { restarts } = await job.over();
    expect(job.said().at(-1)).toMatch(/^Could not look for checkpoints .*\/work: there is no such folder.* they stay/);
    bringBack();
    await asAlice('ctl', 'scontrol', 'requeue', String(job.id));
    await job.until('runs again', (record) => record.restarts > restarts);
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    // Begun in the first run and in the second, and not again in the one that went on from the checkpoint.
    for (const line of ['line 1', 'line 20']) expect(job.lines().filter((each) => each === line)).toEqual([line, line]);
  },
);

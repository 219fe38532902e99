// A supervisor is killed as soon as there is one, before it has come to note, or to claim, anything.
import path from 'node:path';
import { expect } from 'vitest';
import { untilTrue } from '../scenarios/nodes.ts';
import { exec, mustExec } from '../cluster/node.ts';
import { at } from './blows.ts';
import { scenario } from './scenario.ts';
import { smallStore } from './small-store.ts';
import { kill } from './strike.ts';
import { Witness, type Options } from './witness.ts';

/** The supervisor of a later run. */
async function dies(witness: Witness, run = 1): Promise<void> {
  await witness.job.until(`is to begin run ${run}`, (now) => now.state === 'PENDING' && now.restarts === run);
  await at('supervisor', witness, (killIt) => killIt());
}

async function diesAtFirst(witness: Witness): Promise<void> {
  const struck = at('supervisor', witness, (killIt) => killIt()); // watched for before the job begins: it is soon over
  await mustExec('ctl', 'scontrol', 'release', String(witness.job.id));
  await struck;
}

for (const { which, options } of [
  { which: 'asks for checkpoints', options: { comment: 'checkpoint=0:05' } },
  { which: 'asks for its results only', options: { comment: '' } },
])
  scenario(`a job that ${which} begins again when its first supervisor is killed at once`, async (place) => {
    const held: Options = { ...options, work: { steps: 40 }, sbatch: ['--hold'] };
    const witness = await Witness.start(place, 'witness', held);
    await diesAtFirst(witness);
    await witness.job.says(/^The job's supervisor was killed before its first checkpoint\. The job is requeued/);
    expect((await witness.comesOutRight()).holds).toEqual([]);
  });

scenario(
  'a job goes on from its checkpoint when its next supervisor is killed at once, and is held after three',
  async (place) => {
    const witness = await Witness.start(place, 'witness', { comment: 'checkpoint=0:05', work: { steps: 80 } });
    await witness.job.says(/^Requeueing/);
    for (const run of [1, 2, 3]) await dies(witness, run);
    const { holds } = await witness.comesOutRight();
    expect(holds).toEqual([
      expect.stringMatching(/3 runs have gone by since the last checkpoint\. The job is requeued and held/),
    ]);
    const said = witness.job
      .said()
      .filter((line) => line.startsWith("The job's supervisor was killed. The job is requeued, and goes on"));
    expect(said).toHaveLength(2);
  },
);

scenario('a job that is killed before its supervisor has begun goes on from its checkpoint', async (place) => {
  const witness = await Witness.start(place, 'witness', { work: { steps: 80 } });
  await witness.job.says(/^Requeueing/);
  await at('stub in place of the script', witness, (killIt) => killIt());
  const { record, holds } = await witness.comesOutRight();
  expect([record.restarts > 1, holds]).toEqual([true, []]);
});

scenario(
  'a job whose supervisor is killed while it waits for its agent goes on, and leaves no TMPDIR',
  async (place) => {
    const witness = await Witness.start(place, 'witness', { work: { steps: 80 } });
    const { job } = witness;
    await job.says(/^Requeueing/);
    await job.until('is to run again', ({ state }) => state === 'PENDING');
    await at('agent', witness, async () => {
      const { node } = await job.until('runs again', (now) => now.state === 'RUNNING');
      const scratch = `/local/checkpoint-${job.id}`;
      await untilTrue('its TMPDIR is there', async () => (await exec(node, ['test', '-d', scratch])).status === 0);
      expect(kill(job.id, 'supervisor')).toBe(true);
    });
    await job.says(/^The job's supervisor was killed\. The job is requeued, and goes on from checkpoint 1/);
    expect((await witness.comesOutRight()).holds).toEqual([]);
  },
);

scenario(
  'a job whose supervisor is killed at once while its store is away is held, and goes on from it',
  async (place) => {
    await using small = await smallStore(place, '300m');
    const witness = await Witness.start(place, 'witness', { work: { steps: 80 }, store: small.store });
    await witness.job.says(/^Requeueing/);
    await witness.job.until('is to run again', ({ state }) => state === 'PENDING');
    await small.goes();
    await dies(witness);
    const { holds } = await witness.comesOutRight({ mend: small.comesBack });
    expect(holds).toEqual([expect.stringMatching(/what the job has to go on from could not be read \(\/net\//)]);
  },
);

scenario(
  'a first run that finds files, and whose supervisor is killed at once, is not requeued onto them',
  async (place) => {
    await using small = await smallStore(place, '300m');
    const witness = await Witness.start(place, 'witness', {
      work: { steps: 40 },
      store: small.store,
      sbatch: ['--hold'],
    });
    const { job } = witness;
    {
      await using _files = await small.hasClaim(path.relative(small.store.outside, witness.store));
      await diesAtFirst(witness);
      await job.says(
        /is not requeued: Slurm calls this the job's first run, but .* has files of a job with this number\./,
      );
      expect(await job.over()).toMatchObject({ state: 'FAILED', restarts: 0 });
    }
    await mustExec('ctl', 'scontrol', 'requeue', String(job.id));
    await job.until('is to run again', ({ restarts }) => restarts === 1);
    await witness.comesOutRight();
  },
);

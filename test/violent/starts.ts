// What a run needs as it starts is taken away, or ends with it, again and again.
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { counted } from '../scenarios/job.ts';
import { at } from './blows.ts';
import { scenario } from './scenario.ts';
import { kill } from './strike.ts';
import { Witness } from './witness.ts';

scenario('a job for which nobody opens on its first node runs on without checkpoints, and says so', async (place) => {
  const witness = await Witness.start(place, 'witness', { work: { steps: 30 }, sbatch: ['--hold'] });
  const struck = at('doorbell', witness, (killIt) => killIt()); // watched for before the job begins: it is soon over
  await mustExec('ctl', 'scontrol', 'release', String(witness.job.id));
  await struck;
  await witness.comesOutRight();
  expect(witness.job.said()).toContainEqual(
    expect.stringMatching(
      /^No agent on this node \(no agent within 30 s\)\. The job runs without checkpoints; .*administrator/,
    ),
  );
});

scenario('a job for which nobody opens on its next node goes on on another', async (place) => {
  const witness = await Witness.start(place, 'witness');
  await witness.job.says(/^Requeueing/);
  await witness.job.until('is to run again', ({ state }) => state === 'PENDING');
  await at('doorbell', witness, (killIt) => killIt());
  await witness.job.says(/^Checkpoint not restored on \w+: no agent on this node .* Requeueing/);
  await witness.comesOutRight();
});

for (const { which, comment, first, says } of [
  {
    which: 'that has no checkpoint yet',
    comment: 'checkpoint=1-0',
    first: 0,
    says: /3 runs have not come to a first checkpoint\. The job is requeued and held; .* scontrol release/,
  },
  {
    which: 'that has one',
    comment: 'checkpoint=0:20',
    first: 1,
    says: /3 runs have gone by since the last checkpoint\. The job is requeued and held, its checkpoint kept in .* scontrol release/,
  },
])
  scenario(`a job ${which} is held once three of its runs have lost their supervisor, and goes on`, async (place) => {
    const witness = await Witness.start(place, 'witness', { comment, work: { steps: 200 } });
    const { job } = witness;
    for (let run = first; run < first + 3; run += 1) {
      await job.until(`begins run ${run}`, (now) => now.state === 'RUNNING' && now.restarts === run);
      const before = job.lines().length;
      await job.until('has gone on', () => job.lines().length > before + 4);
      expect(kill(job.id, 'supervisor')).toBe(true);
    }
    const { holds } = await witness.comesOutRight();
    expect(holds).toEqual([expect.stringMatching(says)]);
  });

/** More than can be saved within KillWait, by our own reckoning. */
const LARGE = `$| = 1; my $m = "x" x 1_600_000_000; for (1 .. 40) { print "line $_\\n"; select undef, undef, undef, 0.5 } exit 5`;

scenario('a requeue that comes when there is no time for a last checkpoint costs no line', async (place) => {
  const job = await place.submit(`exec perl -e '${LARGE}'`, { comment: 'checkpoint=1-0', partition: 'main' });
  await job.until('is under way', () => job.lines().includes('line 4'));
  await mustExec('ctl', 'scontrol', 'requeue', String(job.id));
  await job.says(/^Slurm ends this run of the job, and there is no time for a last checkpoint before it/);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 1 });
  expect(job.lines()).toEqual(counted(40));
});

scenario(
  'a job begins again, and says so, when its supervisor is killed before the first checkpoint',
  async (place) => {
    const witness = await Witness.start(place, 'witness', { comment: 'checkpoint=0:30' });
    await witness.isAtStep(2);
    expect(kill(witness.job.id, 'supervisor')).toBe(true);
    await witness.job.says(/it starts from the beginning/);
    await witness.comesOutRight();
  },
);

scenario('nothing is lost when the agent is killed before the first checkpoint', async (place) => {
  const witness = await Witness.start(place, 'witness', { comment: 'checkpoint=0:10' });
  await witness.isAtStep(2);
  expect(kill(witness.job.id, 'agent')).toBe(true);
  await witness.comesOutRight();
  expect(witness.job.said()).toContainEqual(expect.stringMatching(/^No checkpoint: the agent on this node has gone/));
});

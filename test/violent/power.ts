// The power of a node goes, whatever its jobs are about to do.
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { cutPower } from './blows.ts';
import { decided } from './decided.ts';
import { onANode, type Pair } from './scenario.ts';
import { catches, kill, type Sighted } from './strike.ts';
import { Witness, type Options } from './witness.ts';

/** Saved while they run, on the node whose power goes. */
const snapshots = ({ partition, other }: Pair): Options => ({
  partition,
  comment: 'checkpoint=0:05,mode=snapshot',
  sbatch: [`--exclude=${other}`],
});

/** Each stopped at its moment, until the power goes. */
async function areAt(moments: readonly (readonly [Witness, Sighted])[]): Promise<void> {
  await Promise.all(
    moments.map(async ([witness, moment]) => {
      const caught = await catches(witness.job.id, moment, () => witness.isOver());
      if (!caught) throw new Error(`job ${witness.job.id} was over before there was a ${moment}`);
    }),
  );
}

/** Once more, unless it was caught: a restore is soon over. */
async function isRestored(witness: Witness, moment: Sighted): Promise<void> {
  const restores = (): number => witness.job.said().filter((line) => line.includes('restore finished')).length;
  for (let before = 0; !witness.isOver(); before += 1) {
    await mustExec('ctl', 'scontrol', 'requeue', String(witness.job.id));
    if (await catches(witness.job.id, moment, () => witness.isOver() || restores() > before)) return;
  }
  throw new Error(`job ${witness.job.id} was over before there was a ${moment}`);
}

async function loseTheirNode(witnesses: readonly Witness[], { one, other }: Pair): Promise<void> {
  {
    await using _power = await cutPower(one);
    for (const witness of witnesses) witness.loses(one);
    await Promise.all(witnesses.map(async ({ job }) => job.until('has another node', (now) => now.node === other)));
  }
  await Promise.all(witnesses.map(async (witness) => witness.comesOutRight()));
}

onANode(
  'jobs that are being saved when the power of their node goes, go on from their newest checkpoints',
  async (place, pair) => {
    const moments = [
      'criu that begins to dump',
      'criu that writes the memory',
      'criu that has dumped',
      'rsync that moves a snapshot',
    ] as const;
    const witnesses = await Promise.all(moments.map(async (_, at) => Witness.start(place, `${at}`, snapshots(pair))));
    await Promise.all(witnesses.map(async ({ job }) => job.says(/^Checkpoint 1 done/)));
    await areAt(moments.map((moment, at) => [witnesses[at]!, moment]));
    await loseTheirNode(witnesses, pair);
    for (const { job } of witnesses)
      expect(job.said()).toContainEqual(
        expect.stringMatching(new RegExp(`restore finished on ${pair.other}, checkpoint \\d`)),
      );
  },
);

onANode(
  'jobs that are being restored when the power of their node goes, are restored on another one',
  async (place, pair) => {
    const moments = ['rsync that lays TMPDIR back', 'criu that begins to restore', 'criu that has restored'] as const;
    const comes: Options = { ...snapshots(pair), sbatch: [`--exclude=${pair.one}`] };
    const witnesses = await Promise.all(moments.map(async (_, at) => Witness.start(place, `${at}`, comes)));
    await Promise.all(witnesses.map(async ({ job }) => job.says(/^Checkpoint 1 done/)));
    await Promise.all(moments.map(async (moment, at) => isRestored(witnesses[at]!, moment)));
    await loseTheirNode(witnesses, pair);
  },
);

onANode('a job that delivers when the power of its node goes, delivers again', async (place, pair) => {
  const witness = await Witness.start(place, 'witness', { ...snapshots(pair), work: { steps: 40, megabytes: 64 } });
  await areAt([[witness, 'rsync that delivers']]);
  await loseTheirNode([witness], pair);
});

onANode('a job without a checkpoint whose node lost its power begins again, and says so', async (place, pair) => {
  const none: Options = { ...snapshots(pair), comment: 'checkpoint=1-0,mode=snapshot', work: { steps: 60 } };
  const witness = await Witness.start(place, 'witness', none);
  await witness.isAtStep(8);
  await loseTheirNode([witness], pair);
  expect(witness.job.said()).toContainEqual(expect.stringMatching(/it starts from the beginning/));
});

onANode(
  'a job in mode requeue that is restored as the power of its node goes is held for somebody’s word',
  async (place, pair) => {
    const moves: Options = { partition: pair.partition, sbatch: [`--exclude=${pair.one}`] };
    const witness = await Witness.start(place, 'witness', moves);
    await areAt([[witness, 'criu that has restored']]);
    {
      await using _power = await cutPower(pair.one);
      witness.loses(pair.one);
      await witness.job.says(/^Checkpoint not restored: run 1 of the job, on \w+, has not said that it is over/); // at once: nobody sees it there
    }
    const { holds } = await witness.comesOutRight();
    expect(holds).toEqual([expect.stringMatching(/has not said that it is over/)]);
  },
);

onANode(
  'a job in mode requeue goes on by itself after the loss of its node where the site has a lease for all',
  async (place, { partition, one, other }) => {
    await using _lease = await decided([one, other], 'lease-for = all');
    const witness = await Witness.start(place, 'witness', { partition, sbatch: [`--exclude=${one}`] });
    await witness.job.says(/restore finished/);
    const { node } = await witness.job.until('runs again', (now) => now.state === 'RUNNING' && now.restarts > 0);
    {
      await using _power = await cutPower(node);
      witness.loses(node);
      await witness.job.until('has another node', (now) => now.node !== node && now.node !== '');
      await witness.job.says(new RegExp(`^An earlier run of the job, on ${node}, .* waiting up to 45 s`));
    }
    expect((await witness.comesOutRight()).holds).toEqual([]);
  },
);

onANode(
  'a job whose supervisor is killed as it waits for a run on a lost node goes on from its newest checkpoint',
  async (place, { partition, one, other }) => {
    const witness = await Witness.start(place, 'witness', snapshots({ partition, one, other }));
    const { job } = witness;
    await job.says(/^Checkpoint 1 done/);
    {
      await using _power = await cutPower(one);
      witness.loses(one);
      await job.says(new RegExp(`^An earlier run of the job, on ${one}, .* waiting up to 45 s`));
      expect(kill(job.id, 'supervisor')).toBe(true);
      await job.says(/supervisor was killed\. The job is requeued, and goes on from checkpoint \d+/);
    }
    expect((await witness.comesOutRight()).holds).toEqual([]);
  },
);

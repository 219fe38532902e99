// The power of a node goes, whatever its jobs are about to do.
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { cutPower } from './blows.ts';
import { onANode } from './scenario.ts';
import { catches, type Sighted } from './strike.ts';
import { Witness, type Options } from './witness.ts';

const [CUT, OTHER] = ['n3', 'n4'];

/** One that begins on the node whose power goes, or that is requeued to it after its first checkpoint. */
const begins: Options = { partition: 'rough', sbatch: [`--exclude=${OTHER}`], work: { appends: false } };
const comes: Options = { ...begins, sbatch: [`--exclude=${CUT}`] };

/** Each stopped at its moment, until the power goes. */
async function areAt(moments: readonly (readonly [Witness, Sighted])[]): Promise<void> {
  await Promise.all(
    moments.map(async ([witness, moment]) => {
      const caught = await catches(witness.job.id, moment, () => witness.isOver());
      if (!caught) throw new Error(`job ${witness.job.id} was over before there was a ${moment}`);
    }),
  );
}

async function loseTheirNode(witnesses: readonly Witness[]): Promise<void> {
  {
    await using _power = await cutPower(CUT);
    for (const witness of witnesses) witness.loses(CUT);
    await Promise.all(witnesses.map(async ({ job }) => job.until('has another node', (now) => now.node === OTHER)));
  }
  await Promise.all(witnesses.map(async (witness) => witness.comesOutRight()));
}

onANode(
  'jobs that are being saved when the power of their node goes, go on from their newest checkpoints',
  async (place) => {
    const moments = ['criu that begins to dump', 'criu that writes the memory', 'criu that has dumped'] as const;
    const two: Options = { ...begins, work: { ...begins.work, steps: 100 } };
    const witnesses = await Promise.all(moments.map(async (_, at) => Witness.start(place, `${at}`, two)));
    await Promise.all(
      witnesses.map(async ({ job }) => job.until('is back', (now) => now.restarts === 2 && now.node === CUT)),
    );
    await areAt(moments.map((moment, at) => [witnesses[at]!, moment]));
    await loseTheirNode(witnesses);
    for (const { job } of witnesses)
      expect(job.said()).toContainEqual(expect.stringMatching(/restore finished on n4, checkpoint 2/));
  },
);

onANode(
  'jobs that are being restored when the power of their node goes, are restored on another one',
  async (place) => {
    const moments = ['rsync that lays TMPDIR back', 'criu that begins to restore', 'criu that has restored'] as const;
    const witnesses = await Promise.all(moments.map(async (_, at) => Witness.start(place, `${at}`, comes)));
    await areAt(moments.map((moment, at) => [witnesses[at]!, moment]));
    await loseTheirNode(witnesses);
  },
);

onANode('a job that delivers when the power of its node goes, delivers again', async (place) => {
  const witness = await Witness.start(place, 'witness', { ...comes, work: { appends: false, steps: 30 } });
  await areAt([[witness, 'rsync that delivers']]);
  await loseTheirNode([witness]);
});

onANode('a file that a job appends to holds every line once, though the power of its node went', async (place) => {
  const witness = await Witness.start(place, 'witness', { ...comes, comment: 'checkpoint=0:12', work: { steps: 100 } });
  await witness.job.says(/restore finished on n3/);
  const before = witness.job.lines().length;
  await witness.job.until('has gone on', () => witness.job.lines().length > before + 8);
  await loseTheirNode([witness]);
});

onANode('a job without a checkpoint whose node lost its power begins again, and says so', async (place) => {
  const witness = await Witness.start(place, 'witness', { ...begins, comment: 'checkpoint=1-0', work: {} });
  await witness.isAtStep(8);
  await loseTheirNode([witness]);
  expect(witness.job.said()).toContainEqual(expect.stringMatching(/it starts from the beginning/));
});

onANode('what a job had on a node that lost its power is gone when the node is back', async (place) => {
  const witness = await Witness.start(place, 'witness', { ...begins, comment: 'checkpoint=1-0', work: { steps: 8 } });
  await witness.isAtStep(4);
  {
    await using _power = await cutPower(CUT);
    await witness.job.says(/it starts from the beginning/);
  }
  await witness.job.over();
  const left = await mustExec(CUT, 'ls', '/local');
  await mustExec(CUT, 'sh', '-c', 'rm -rf /local/checkpoint-*');
  expect(left).toBe('');
});

// The store is on a network disk that dies, or hangs: nobody gets an answer, until it answers again.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { at } from './blows.ts';
import { onANode, type Pair } from './scenario.ts';
import { smallStore } from './small-store.ts';
import { Witness, type Options } from './witness.ts';

const WORK: Options = { work: { steps: 160 } };

const toSshfs = async (signal: 'KILL' | 'STOP' | 'CONT', { one, other }: Pair): Promise<unknown> =>
  Promise.all([one, other].map(async (node) => exec(node, ['pkill', `-${signal}`, '-x', 'sshfs'])));

for (const moment of ['criu that writes the memory', 'criu that has dumped', 'criu that begins to restore'] as const) {
  onANode(`a job whose store's network disk dies under a ${moment} loses nothing`, async (place, pair) => {
    await using small = await smallStore(place, '300m');
    const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store, partition: pair.partition });
    await at(moment, witness, async () => toSshfs('KILL', pair));
    await witness.comesOutRight();
  });
}

onANode('a job whose store hangs for a while, as it is saved, loses nothing', async (place, pair) => {
  await using small = await smallStore(place, '300m');
  const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store, partition: pair.partition });
  await at('criu that writes the memory', witness, async () => toSshfs('STOP', pair));
  await sleep(20_000);
  await toSshfs('CONT', pair);
  await witness.comesOutRight();
});

onANode(
  'a job does not stand still with a store that hangs, and is saved when that answers again',
  async (place, pair) => {
    await using small = await smallStore(place, '300m');
    const work = { comment: 'checkpoint=0:30', work: { steps: 600 }, store: small.store, partition: pair.partition };
    const witness = await Witness.start(place, 'witness', work);
    await at('criu that has dumped', witness, async () => toSshfs('STOP', pair));
    const before = witness.job.lines().length;
    await witness.job.says(/^No checkpoint: where its checkpoints are kept .* nobody has answered for a minute/);
    await witness.job.until('runs on', () => witness.job.lines().length > before + 8);
    await toSshfs('CONT', pair);
    await witness.job.says(/restore finished/);
    await witness.comesOutRight({ seconds: 400 });
  },
);

/** Takes their network disk from both nodes, until the end of the scope. */
async function hangs(pair: Pair): Promise<AsyncDisposable> {
  await toSshfs('STOP', pair);
  return { [Symbol.asyncDispose]: async () => void (await toSshfs('CONT', pair)) };
}

onANode('a job whose store hangs as it begins runs, and is saved once that answers', async (place, pair) => {
  await using small = await smallStore(place, '300m');
  let witness: Witness;
  {
    await using _hangs = await hangs(pair);
    const options = { work: { steps: 400 }, store: small.store, partition: pair.partition };
    witness = await Witness.start(place, 'witness', options);
    await witness.job.says(/^The job could not be entered .* nobody has answered for a minute/);
    await witness.isAtStep(4);
  }
  await witness.job.says(/^The job is entered among those that are saved/);
  const { record } = await witness.comesOutRight({ seconds: 300 });
  expect(record.restarts).toBeGreaterThan(0);
});

onANode('a job whose store hangs as it is to go on waits for it, and says so', async (place, pair) => {
  await using small = await smallStore(place, '300m');
  const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store, partition: pair.partition });
  await witness.job.says(/^Requeueing/);
  await witness.job.until('is to run again', (now) => now.state === 'PENDING');
  {
    await using _hangs = await hangs(pair);
    await witness.job.says(/^Looking for what the job has asked for: \d+ s/);
  }
  await witness.comesOutRight();
});

onANode('a job whose store hangs as it comes to its end waits for it, and says so', async (place, pair) => {
  await using small = await smallStore(place, '300m');
  const own: Options = {
    comment: 'checkpoint=1-0',
    work: { steps: 12, megabytes: 64 },
    store: small.store,
    partition: pair.partition,
  };
  const witness = await Witness.start(place, 'witness', own);
  await at('rsync that delivers', witness, async () => toSshfs('STOP', pair));
  await witness.job.says(/^Noting in .* that the job is over: \d+ s/);
  await toSshfs('CONT', pair);
  await witness.comesOutRight();
});

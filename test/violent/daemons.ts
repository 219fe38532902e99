// Slurm's own daemons end, hang and come back, while jobs run, are saved, or are to be requeued.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { mustExec, signalDaemon, startDaemon } from '../cluster/node.ts';
import { isOver, until } from '../scenarios/slurm.ts';
import { at, untilControllerAnswers } from './blows.ts';
import { alone, onANode } from './scenario.ts';
import { SAVED_MS } from './set-back.ts';
import { kill } from './strike.ts';
import { Witness } from './witness.ts';

for (const [how, signal] of [
  ['killed', 'KILL'],
  ['stopped', 'TERM'],
] as const) {
  onANode(
    `a slurmd that is ${how} and started again costs no job that runs or is being saved anything`,
    async (place, { partition, one, other }) => {
      const [runs, isSaved] = await Promise.all([
        Witness.start(place, 'runs', { partition, comment: 'checkpoint=1-0', sbatch: [`--nodelist=${one}`] }),
        Witness.start(place, 'is-saved', { partition, sbatch: [`--exclude=${other}`] }),
      ]);
      await runs.isAtStep(4);
      await at('criu that has dumped', isSaved, async () => {
        await signalDaemon(one, signal);
        await startDaemon(one);
      });
      const [ran, saved] = await Promise.all([runs.comesOutRight(), isSaved.comesOutRight()]);
      expect(ran.record.restarts).toBe(0);
      expect(saved.record.restarts).toBeGreaterThan(0);
    },
  );

  onANode(
    `a job that ends while its slurmd is ${how} has ended as it would have`,
    async (place, { partition, one, other }) => {
      const witness = await Witness.start(place, 'witness', {
        partition,
        comment: 'checkpoint=1-0',
        sbatch: [`--exclude=${other}`],
        work: { steps: 24 },
      });
      await witness.isAtStep(10);
      await signalDaemon(one, signal);
      await witness.ends();
      await startDaemon(one);
      await witness.comesOutRight();
    },
  );
}

alone('a requeue that the controller is too busy for for a minute loses nothing', async (place) => {
  const witness = await Witness.start(place, 'witness', { work: { steps: 160 } });
  await at('criu that has dumped', witness, async () => signalDaemon('ctl', 'STOP'));
  await sleep(60_000);
  await signalDaemon('ctl', 'CONT');
  await untilControllerAnswers();
  await witness.comesOutRight();
});

const END_UNKNOWN = /Slurm does not say whether the job was cancelled\. Its checkpoint is kept in .* scontrol requeue/;

alone('a controller that is killed and started again costs no job anything', async (place) => {
  const [runs, isSaved, isRequeued] = await Promise.all([
    Witness.start(place, 'runs', { comment: 'checkpoint=1-0', work: { steps: 100 } }),
    Witness.start(place, 'is-saved', { comment: 'checkpoint=0:12', work: { steps: 100 } }),
    Witness.start(place, 'is-requeued', { comment: 'checkpoint=0:12', work: { steps: 100 } }),
  ]);
  await sleep(SAVED_MS);
  await at('criu that has dumped', isSaved, async () => signalDaemon('ctl', 'KILL'));
  await sleep(20_000); // both are to be requeued, and can't be
  await startDaemon('ctl');
  await untilControllerAnswers();
  await Promise.all([runs, isSaved, isRequeued].map(async (witness) => witness.comesOutRight()));
  expect((await runs.job.over()).restarts).toBe(0);
});

/** Until the end of the scope, come what may: nobody else's scenario would end. */
async function controllerHangsInItsEpilog(witness: Witness): Promise<AsyncDisposable> {
  await at('aftermath of a run that is over', witness, async () => signalDaemon('ctl', 'STOP'));
  return {
    async [Symbol.asyncDispose]() {
      await signalDaemon('ctl', 'CONT');
      await untilControllerAnswers();
    },
  };
}

for (const [from, comment] of [
  ['begins again', 'checkpoint=1-0'],
  ['goes on', 'checkpoint=0:05,mode=snapshot'],
] as const)
  alone(`a job whose supervisor is killed while the controller hangs ${from} once that answers`, async (place) => {
    const witness = await Witness.start(place, 'witness', { comment });
    await (from === 'goes on' ? witness.job.says(/^Checkpoint 1 done/) : witness.isAtStep(4));
    expect(kill(witness.job.id, 'supervisor')).toBe(true);
    {
      await using _hanging = await controllerHangsInItsEpilog(witness);
      await sleep(80_000); // more than one call takes
    }
    expect((await witness.comesOutRight()).record.restarts).toBe(1);
  });

alone(
  'a job whose supervisor is killed while nobody can say whether it was cancelled keeps its checkpoint',
  async (place) => {
    const witness = await Witness.start(place, 'witness', { comment: 'checkpoint=0:10' });
    const { job } = witness;
    await job.says(/restore finished/);
    const { restarts } = await job.until('runs again', (now) => now.state === 'RUNNING' && now.restarts > 0);
    expect(kill(job.id, 'supervisor')).toBe(true);
    {
      await using _hanging = await controllerHangsInItsEpilog(witness);
      await until('its Epilog has given up', () => job.said().some((line) => END_UNKNOWN.test(line)), 300);
    }
    await job.untilHeldOrNot('is over', isOver);
    expect(witness.checkpoints()).not.toEqual([]);
    await mustExec('ctl', 'scontrol', 'requeue', String(job.id));
    await job.untilHeldOrNot('is to run again', (now) => now.restarts > restarts);
    await witness.comesOutRight();
  },
);

// What may happen while the Epilog looks whether a requeue stays: the controller loses it, or slurmd is killed.
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { mustExec, signalDaemon, startDaemon } from '../cluster/node.ts';
import { UNMOVED } from '../scenarios/mover.ts';
import type { Place } from '../scenarios/place.ts';
import { until } from '../scenarios/slurm.ts';
import { at } from './blows.ts';
import { alone } from './scenario.ts';
import { isSetBack, keepState, resumingDrained, SAVED_MS } from './set-back.ts';
import { hasPending } from './processes-seen.ts';
import { find, send } from './sights.ts';
import { kill } from './strike.ts';
import { Witness, type Options } from './witness.ts';

/** Of the first requeue of all. @param end once it is requeued; what it returns, if anything, is done once that is lost */
async function losesRequeue(
  place: Place,
  options: Options,
  end: (witness: Witness) => Promise<(() => unknown) | void>,
): Promise<void> {
  const witness = await Witness.start(place, 'witness', { partition: 'rough', ...options });
  const { job } = witness;
  await witness.isAtStep(2);
  await mustExec('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Nice=1'); // that it runs is not written down for itself
  await sleep(SAVED_MS);
  await keepState();
  const afterwards = await end(witness);
  await job.untilHeldOrNot('is requeued', ({ restarts }) => restarts === 1);
  await isSetBack();
  await afterwards?.();
  await job.until('is as before', ({ restarts }) => restarts === 0);
  using _resuming = resumingDrained();
  expect((await witness.comesOutRight({ seconds: 240 })).holds).toEqual([]);
}

for (const [from, comment] of [
  ['from the beginning', 'checkpoint=1-0'],
  ['from its snapshot', 'checkpoint=0:05,mode=snapshot'],
] as const)
  alone(`a job whose supervisor is killed goes on ${from}, though the controller loses its requeue`, async (place) =>
    losesRequeue(place, { comment, work: { steps: 120 } }, async (witness) => {
      if (from === 'from its snapshot') await witness.job.says(/^Checkpoint 1 done/);
      kill(witness.job.id, 'supervisor');
    }),
  );

const ownerRequeues = async ({ job }: Witness): Promise<unknown> =>
  mustExec('ctl', 'scontrol', 'requeue', String(job.id));

const supervisorEnds = async ({ job }: Witness): Promise<unknown> =>
  until(`the supervisor of job ${job.id} ends`, () => find(job.id, 'supervisor', 0) === undefined);

/** Of whose end Slurm hears only once its controller has lost the requeue: it is as if it had ended by itself. */
async function isRequeuedByOwner(witness: Witness): Promise<() => unknown> {
  let step: number | undefined;
  const asked = at('scontrol that asks of the job', witness, () => {
    step = find(witness.job.id, 'step', 0);
    send(step ?? 0, 'SIGSTOP');
  });
  await ownerRequeues(witness);
  await asked;
  await supervisorEnds(witness);
  return () => send(step!, 'SIGCONT');
}

alone(
  'a job goes on from the last checkpoint of a run whose owner had it requeued, though the controller loses that',
  async (place) => losesRequeue(place, { comment: 'checkpoint=1-0', work: { steps: 120 } }, isRequeuedByOwner),
);

alone(
  'a job without a checkpoint begins again though the controller loses the requeue that its owner asked for',
  async (place) =>
    losesRequeue(place, { comment: 'checkpoint=1-0', work: { steps: 120 } }, async (witness) => {
      kill(witness.job.id, 'agent');
      return isRequeuedByOwner(witness);
    }),
);

alone(
  'a job that asks for its results only begins again though the controller loses the requeue that its owner asked for',
  async (place) => losesRequeue(place, { comment: '', work: { steps: 60, appends: false } }, isRequeuedByOwner),
);

alone('a job goes on though its owner’s requeue is lost before its supervisor has seen it', async (place) =>
  losesRequeue(place, { comment: 'checkpoint=0:05,mode=snapshot', work: { steps: 120 } }, async (witness) => {
    await witness.job.says(/^Checkpoint 1 done/);
    const supervisor = find(witness.job.id, 'supervisor', 0)!;
    send(supervisor, 'SIGSTOP');
    await ownerRequeues(witness);
    await until('it is told to end', () => hasPending(supervisor, constants.signals.SIGTERM));
    return () => send(supervisor, 'SIGCONT');
  }),
);

alone('a job that moves goes on though the controller loses its requeue', async (place) =>
  losesRequeue(place, { comment: 'checkpoint=0:05', work: { steps: 120 } }, async (witness) => {
    await witness.job.says(/^Requeueing/);
    await supervisorEnds(witness);
  }),
);

alone('a job goes on after its time limit, though the controller loses its requeue', async (place) =>
  losesRequeue(place, { comment: 'checkpoint=1-0', work: { steps: 400 }, sbatch: ['--time=20'] }, async ({ job }) => {
    await mustExec('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'TimeLimit=1');
    await job.says(/^Requeueing/);
  }),
);

alone('an Epilog whose slurmd is killed in it leaves the next run there alone', async (place) => {
  const witness = await Witness.start(place, 'witness', {
    partition: 'rough',
    comment: 'checkpoint=0:05,mode=snapshot',
    sbatch: ['--exclude=n4', UNMOVED],
    work: { steps: 160 },
  });
  const { job } = witness;
  await job.says(/^Checkpoint 1 done/);
  kill(job.id, 'supervisor');
  await job.until('is requeued', ({ restarts }) => restarts === 1);
  await at('aftermath', witness, async () => {
    await signalDaemon('n3', 'KILL');
    await startDaemon('n3');
    await job.says(/restore finished/);
  });
  const saved = (): number => job.said().filter((line) => /^Checkpoint \d+ done/.test(line)).length;
  const before = saved();
  await job.until('is saved again', () => saved() > before + 1);
  expect((await witness.comesOutRight()).record.restarts).toBe(1);
});

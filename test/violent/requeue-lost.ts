// Requeues that a controller loses, and what may happen to the Epilog that looks whether they stay.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { exec, mustExec, signalDaemon, startDaemon } from '../cluster/node.ts';
import { UNMOVED } from '../scenarios/mover.ts';
import { untilTrue } from '../scenarios/nodes.ts';
import type { Place } from '../scenarios/place.ts';
import { until } from '../scenarios/slurm.ts';
import { at } from './blows.ts';
import { alone } from './scenario.ts';
import { isSetBack, keepState, resumingDrained, SAVED_MS } from './set-back.ts';
import { find, send } from './sights.ts';
import { kill, watching } from './strike.ts';
import { Witness, type Options } from './witness.ts';

type Lost = (witness: Witness, isLost: () => Promise<void>) => Promise<unknown>;

/** Of the first requeue of all. @param requeued has the job requeued, and that lost */
async function losesRequeue(place: Place, options: Options, requeued: Lost): Promise<void> {
  const witness = await Witness.start(place, 'witness', { partition: 'rough', ...options });
  const { job } = witness;
  await witness.isAtStep(2);
  await mustExec('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Nice=1'); // that it runs is not written down for itself
  await sleep(SAVED_MS);
  await keepState();
  using _resuming = resumingDrained();
  await requeued(witness, async () => {
    await job.untilHeldOrNot('is requeued', ({ restarts }) => restarts === 1);
    await isSetBack();
  });
  await job.says(/^Slurm's controller did not know, or no longer, that job \d+ is to run again/);
  expect((await witness.comesOutRight({ seconds: 240 })).holds).toEqual([]);
}

const MOVES: Options = { comment: 'checkpoint=0:15', work: { steps: 120 }, sbatch: ['--exclude=n4', UNMOVED] };

for (const [from, comment] of [
  ['from the beginning', 'checkpoint=1-0'],
  ['from its snapshot', 'checkpoint=0:05,mode=snapshot'],
] as const)
  alone(`a job whose supervisor is killed goes on ${from}, though the controller loses its requeue`, async (place) =>
    losesRequeue(place, { comment, work: { steps: 120 } }, async ({ job }, isLost) => {
      if (from === 'from its snapshot') await job.says(/^Checkpoint 1 done/);
      kill(job.id, 'supervisor');
      await isLost();
    }),
  );

const ownerRequeues = async ({ job }: Witness): Promise<unknown> =>
  mustExec('ctl', 'scontrol', 'requeue', String(job.id));

const supervisorEnds = async ({ job }: Witness): Promise<unknown> =>
  until(`the supervisor of job ${job.id} ends`, () => find(job.id, 'supervisor', 0) === undefined);

/** Slurm hears of the run's end only once its controller has lost the requeue: as if it had ended by itself. */
const lostAtItsEnd: Lost = async (witness, isLost) => {
  let step = 0;
  await watching();
  const asked = at('scontrol that asks of the job', witness, () => {
    step = find(witness.job.id, 'step', 0) ?? 0;
    if (step > 0) send(step, 'SIGSTOP');
  });
  await ownerRequeues(witness);
  await asked;
  expect(step).toBeGreaterThan(0);
  await supervisorEnds(witness);
  await isLost();
  send(step, 'SIGCONT');
};

for (const { which, comment, first = async () => {}, work } of [
  { which: 'goes on from its last checkpoint', comment: 'checkpoint=1-0' },
  { which: 'begins again', comment: 'checkpoint=1-0', first: ({ job }: Witness) => kill(job.id, 'agent') },
  { which: 'that asks for its results only begins again', comment: '', work: { appends: false } },
])
  alone(`a job ${which}, though the controller loses the requeue that its owner asked for`, async (place) =>
    losesRequeue(place, { comment, work: { steps: 60, ...work } }, async (witness, isLost) => {
      await first(witness);
      await lostAtItsEnd(witness, isLost);
    }),
  );

alone('a job begins again though its owner’s requeue is lost before its supervisor has heard of it', async (place) =>
  losesRequeue(place, { comment: 'checkpoint=1-0', work: { steps: 60 } }, async (witness, isLost) => {
    await watching();
    const asked = at('scontrol that asks of the job', witness, isLost);
    await ownerRequeues(witness);
    await asked;
  }),
);

alone('a job that moves goes on though the controller loses its requeue', async (place) =>
  losesRequeue(place, MOVES, async (witness, isLost) => {
    let step = 0; // Slurm's SIGTERM waits, too
    await watching();
    await at('scontrol that requeues the job', witness, () => {
      step = find(witness.job.id, 'step', 0)!;
      send(step, 'SIGSTOP');
    });
    await isLost();
    send(step, 'SIGCONT');
  }),
);

alone('a job that moves goes on though the controller loses its requeue after its Epilog', async (place) =>
  losesRequeue(place, MOVES, async ({ job }, isLost) => {
    const folder = `/run/slurm-checkpointer/${job.id}`;
    await job.says(/^Requeueing/);
    await untilTrue('its Epilog is over', async () => (await exec('n3', ['test', '-e', folder])).status === 1);
    await isLost();
  }),
);

alone('a job goes on after its time limit, though the controller loses its requeue', async (place) =>
  losesRequeue(
    place,
    { comment: 'checkpoint=1-0', work: { steps: 400 }, sbatch: ['--time=20'] },
    async ({ job }, isLost) => {
      await mustExec('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'TimeLimit=1');
      await job.says(/^Requeueing/);
      await isLost();
    },
  ),
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
  await at('aftermath of a run that is over', witness, async () => {
    await signalDaemon('n3', 'KILL');
    await startDaemon('n3');
    await job.says(/restore finished/);
  });
  const saved = (): number => job.said().filter((line) => /^Checkpoint \d+ done/.test(line)).length;
  const before = saved();
  await job.until('is saved again', () => saved() > before + 1);
  expect((await witness.comesOutRight()).record.restarts).toBe(1);
});

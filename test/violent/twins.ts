// The controller comes back with a state of before some runs began: it begins them once more.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustExec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';
import { until } from '../scenarios/slurm.ts';
import { alone } from './scenario.ts';
import { goesOnAfterAll, isEndedBySlurmAlone, isSetBack, keepState, resumingDrained, SAVED_MS } from './set-back.ts';
import { kill } from './strike.ts';
import { Witness } from './witness.ts';

const NONE = 'checkpoint=1-0';
const SOME = 'checkpoint=0:05,mode=snapshot';
const WORK = { steps: 200 };

const scontrol = async (command: 'release' | 'hold' | 'requeuehold', { job }: Witness): Promise<unknown> =>
  mustExec('ctl', 'scontrol', command, String(job.id));

/** Held, to be begun for the first time. */
const toBegin = async (place: Place, comment: string): Promise<Witness> =>
  Witness.start(place, comment === NONE ? 'begins' : 'is-saved', { comment, sbatch: ['--hold'], work: WORK });

/** Held, to begin again: its supervisor was killed before the first checkpoint. */
async function toBeginAgain(place: Place): Promise<Witness> {
  const witness = await Witness.start(place, 'begins-again', { comment: NONE, work: WORK });
  await witness.isAtStep(4);
  kill(witness.job.id, 'supervisor');
  await witness.job.until('is to begin again', ({ state, restarts }) => state === 'PENDING' && restarts === 1);
  await scontrol('hold', witness);
  await witness.job.held();
  return witness;
}

/** Held, to go on from a checkpoint. */
async function toGoOn(place: Place): Promise<Witness> {
  const witness = await Witness.start(place, 'goes-on', { comment: SOME, work: WORK });
  await witness.job.says(/^Checkpoint 1 done/);
  await scontrol('requeuehold', witness);
  await witness.job.held();
  return witness;
}

async function comesOutRight(witness: Witness): Promise<void> {
  const follow = { stillSeconds: 60, seconds: 300 };
  await witness.comesOutRight(follow).catch(async (error: unknown) => {
    if (!isEndedBySlurmAlone(witness)) throw error;
    return goesOnAfterAll(witness, follow);
  });
}

/** As its Epilog says, once nothing of the run is left. */
async function hasEnded({ job, store }: Witness): Promise<void> {
  const isReleased = (): boolean => readdirSync(store).some((name) => name.endsWith('.released'));
  await until(`the forgotten run of job ${job.id} has ended`, isReleased);
}

for (const [when, ready] of [
  ['once more', async () => {}],
  ['once more after their end', hasEnded],
] as const)
  alone(
    `a controller that forgets that runs have begun, and begins them ${when}, makes no job wrong`,
    async (place) => {
      const witnesses = await Promise.all([
        toBegin(place, NONE),
        toBegin(place, SOME),
        toBeginAgain(place),
        toGoOn(place),
      ]);
      const [, isSaved, beginsAgain, goesOn] = witnesses;
      await sleep(SAVED_MS);
      await keepState();
      await Promise.all(witnesses.map(async (witness) => scontrol('release', witness)));
      await beginsAgain.job.says(/it starts from the beginning/);
      await Promise.all(witnesses.map(async (witness) => witness.isAtStep(8)));
      await goesOn.job.says(/restore finished/);
      await isSaved.job.says(/^Checkpoint 1 done/);
      await isSetBack();
      using _resuming = resumingDrained();
      await Promise.all(witnesses.map(async (witness) => ready(witness)));
      await Promise.all(witnesses.map(async (witness) => scontrol('release', witness)));
      await Promise.all(witnesses.map(async (witness) => comesOutRight(witness)));
    },
  );

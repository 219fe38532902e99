// One job, from its submission to the verdict, and what is done to it meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../lib/errors.ts';
import { Place } from '../scenarios/place.ts';
import { smallStore, type SmallStore } from '../violent/small-store.ts';
import type { Turns } from '../scenarios/turns.ts';
import { goesOnAfterAll, isEndedBySlurmAlone } from '../violent/set-back.ts';
import { Witness } from '../violent/witness.ts';
import { FAULTS } from './faults.ts';
import type { FaultPlan, JobPlan, Wish } from './plan.ts';
import type { Scene } from './scene.ts';

export type Verdict = {
  readonly lost: string | undefined;
  readonly checkpoints: number;
  readonly restores: number;
  readonly holds: number;
  /** Those that came about. */
  readonly faults: readonly string[];
};

export type Ground = {
  readonly wish: Wish;
  readonly cluster: Turns;
  readonly witnesses: Set<Witness>;
  submittedAt: number;
  /** How often the controller was killed: what it had not written down by then it has forgotten. */
  forgets: number;
};

/** A job may be held for so long, or hang. */
const PATIENCE_SECONDS = 900;

export async function torture(job: JobPlan, faults: readonly FaultPlan[], ground: Ground): Promise<Verdict> {
  const place = new Place(`torture-${ground.wish.seed}-${job.number}`);
  await using ownStore = job.ownStore ? await smallStore(place, '300m') : undefined;
  const witness = await submitted(job, place, ownStore, ground);
  const undo: (() => void)[] = [];
  const done: string[] = [];
  const underWay: Promise<unknown>[] = [];
  const mend = async (): Promise<void> => {
    await Promise.allSettled(underWay);
    for (const each of undo.splice(0)) each();
  };
  const scene = (fault: FaultPlan): Scene => ({
    fault,
    witness,
    mode: job.mode,
    ownStore,
    cluster: ground.cluster,
    mend: (each) => undo.unshift(each),
    isUnderWay: (doing) => underWay.push(doing),
    losesNode: (node, what) => ground.witnesses.forEach((each) => each.loses(node, what)),
    submittedAt: () => ground.submittedAt,
    controllerForgets: () => (ground.forgets += 1),
  });
  const doings = faults.map(async (fault) => {
    if (await happens(scene(fault))) done.push(fault.name);
  });
  const outcome = await outcomeOf(witness, mend, ground);
  ground.witnesses.delete(witness);
  await Promise.all(doings);
  const count = (line: RegExp): number => witness.job.said().filter((each) => line.test(each)).length;
  return {
    ...outcome,
    checkpoints: count(/^Dump done|^Checkpoint \d+ done/),
    restores: count(/restore finished/),
    faults: done,
  };
}

async function submitted(job: JobPlan, place: Place, small: SmallStore | undefined, ground: Ground): Promise<Witness> {
  const comment = `checkpoint=0:${String(job.interval).padStart(2, '0')},keep=${job.keep},mode=${job.mode}`;
  const options = { comment, work: job.work, partition: 'both' as const, ...(small && { store: small.store }) };
  return ground.cluster.take(async () => {
    const witness = await Witness.start(place, 'witness', options);
    ground.submittedAt = Date.now();
    ground.witnesses.add(witness);
    return witness;
  });
}

async function outcomeOf(
  witness: Witness,
  mend: () => Promise<void>,
  ground: Ground,
): Promise<Pick<Verdict, 'lost' | 'holds'>> {
  const follow = { mend, seconds: PATIENCE_SECONDS, stillSeconds: 60 };
  const forgotBefore = ground.forgets;
  try {
    const { holds } = await witness.comesOutRight(follow).catch(async (error: unknown) => {
      if (ground.forgets === forgotBefore || !isEndedBySlurmAlone(witness)) throw error;
      return goesOnAfterAll(witness, follow);
    });
    return { lost: undefined, holds: holds.length };
  } catch (error) {
    const report = witness.job.report();
    await witness.job.cancel(); // its faults wait for it to do something, or to end
    return { lost: `${reasonOf(error)}\n${report}`, holds: 0 };
  }
}

/** False: the job was over before. */
async function happens(scene: Scene): Promise<boolean> {
  const { fault, witness } = scene;
  try {
    while (!witness.job.lines().some((line) => line.startsWith(`line ${fault.step} `))) {
      if (witness.isOver()) return false;
      await sleep(500);
    }
    await FAULTS[fault.name](scene);
    return true;
  } catch (error) {
    console.log(`fault ${fault.number}, ${fault.name}, job ${fault.job}: ${reasonOf(error)}`);
    return false;
  }
}

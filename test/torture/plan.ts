// What a run of torture does: everything that is random in it, from its seed alone.
import type { Work } from '../violent/undisturbed.ts';
import { Random } from './random.ts';

type Mode = 'requeue' | 'snapshot';
export type Wish = {
  readonly jobs: number;
  readonly faults: number;
  readonly seed: number;
  readonly mode: Mode | 'both';
  /** None: all of them. */
  readonly only: readonly FaultName[];
};

export type JobPlan = {
  /** From 1. */
  readonly number: number;
  readonly work: Work;
  readonly mode: Mode;
  /** Seconds between two checkpoints. */
  readonly interval: number;
  readonly keep: number;
  /** On a small file system of its own, that may be filled or taken away. */
  readonly ownStore: boolean;
};

/** How often each is chosen, compared with the others. */
const WEIGHTS = [
  { name: 'kill-agent', weight: 2 },
  { name: 'kill-supervisor', weight: 2 },
  { name: 'kill-supervisor-in-a-dump', weight: 1 },
  { name: 'kill-criu', weight: 4 },
  { name: 'kill-rsync', weight: 3 },
  { name: 'kill-slurmd', weight: 2 },
  { name: 'end-slurmd', weight: 1 },
  { name: 'stop-slurmctld', weight: 1 },
  { name: 'kill-slurmctld', weight: 1 },
  { name: 'cut-power', weight: 2 },
  { name: 'cut-power-in-a-dump', weight: 1 },
  { name: 'cut-power-in-a-restore', weight: 1 },
  { name: 'requeue', weight: 3 },
  { name: 'fill-store', weight: 2 },
  { name: 'hide-store', weight: 2 },
  { name: 'read-only-store', weight: 1 },
  { name: 'damage', weight: 2 },
] as const;
export type FaultName = (typeof WEIGHTS)[number]['name'];
export const FAULT_NAMES: readonly FaultName[] = WEIGHTS.map(({ name }) => name);
/** Those for which a job's checkpoints lie apart from all others'. */
const OF_STORES: ReadonlySet<FaultName> = new Set(['fill-store', 'hide-store', 'read-only-store']);

export type FaultPlan = {
  readonly number: number;
  readonly name: FaultName;
  /** Number of the job. */
  readonly job: number;
  /** From this step of the job's on: at its next moment, if it is one of a dump or the like. */
  readonly step: number;
  /** Of what lasts. */
  readonly seconds: number;
  /** From 0 to 1: which of several moments, or damages, it is. */
  readonly which: number;
};

export type Plan = { readonly jobs: readonly JobPlan[]; readonly faults: readonly FaultPlan[] };

export function planOf(wish: Wish): Plan {
  const random = new Random(wish.seed);
  const jobs = Array.from({ length: wish.jobs }, (_, at) => jobOf(at + 1, wish, random));
  const faults = Array.from({ length: wish.faults }, (_, at) => faultOf(at + 1, random.oneOf(jobs), wish, random));
  return { jobs, faults };
}

function jobOf(number: number, { mode }: Wish, random: Random): JobPlan {
  return {
    number,
    work: {
      steps: random.whole(120, 240),
      pause: random.oneOf([0.2, 0.25, 0.3]),
      megabytes: random.oneOf([1, 8, 16, 40]),
      status: random.oneOf([0, 0, 7, 42]),
      appends: random.chance() < 0.5,
    },
    mode: mode === 'both' ? random.oneOf(['requeue', 'snapshot']) : mode,
    interval: random.whole(5, 15),
    keep: random.whole(1, 3),
    ownStore: random.chance() < 0.3,
  };
}

function faultOf(number: number, { work, ownStore, ...job }: JobPlan, { only }: Wish, random: Random): FaultPlan {
  const asked = WEIGHTS.filter(({ name }) => only.length === 0 || only.includes(name));
  const suiting = asked.filter(({ name }) => ownStore || !OF_STORES.has(name));
  const as = suiting.length > 0 ? suiting : WEIGHTS.filter(({ name }) => name === 'requeue');
  return {
    number,
    name: random.weighted(as).name,
    job: job.number,
    step: random.whole(4, Math.floor(work.steps * 0.5)),
    seconds: random.whole(1, 15),
    which: random.chance(),
  };
}

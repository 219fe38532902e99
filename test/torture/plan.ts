import { Random } from './random.ts';

/** What jobs do: a file each in programs/. */
const PROGRAMS = [
  'sinks.py',
  'shell.sh',
  'memory.py',
  'processes.py',
  'threads.py',
  'clocks.py',
] as const;

export type JobPlan = {
  /** From 1. */
  readonly number: number;
  readonly program: (typeof PROGRAMS)[number];
  readonly user: 'alice' | 'bob';
  readonly mode: 'requeue' | 'snapshot';
  readonly keep: number;
  /** Seconds between two checkpoints. */
  readonly interval: number;
  readonly steps: number;
  /** Seconds between two steps. */
  readonly pause: number;
  readonly megabytes: number;
  /** The exit status of its script. */
  readonly status: number;
  /** More than one: an array. */
  readonly tasks: number;
  /** Where its checkpoints are: the site's place, or a small file system of its own on the network share. */
  readonly store: 'site' | 'share';
};

type Kind = {
  /** How often it is chosen, compared with the others. */
  readonly weight: number;
  readonly suits: (job: JobPlan) => boolean;
  /** Its latest moment, as a part of the time that the job's work takes at least. */
  readonly until: number;
  /** How long it lasts, in seconds. */
  readonly lasts: readonly [from: number, to: number];
};

const always = (): boolean => true;
const MOMENT = [0, 0] as const;

/** What can be done to a job while it runs. */
export const KINDS = {
  // Killed with SIGKILL, now.
  'agent killed': { weight: 2, suits: always, until: 0.8, lasts: MOMENT },
  'supervisor killed': { weight: 2, suits: always, until: 0.8, lasts: MOMENT },
  // Killed with SIGKILL the next time that it works for the job.
  'dump killed': { weight: 2, suits: always, until: 0.4, lasts: MOMENT },
  'restore killed': { weight: 2, suits: moves, until: 0.4, lasts: MOMENT },
  'copy of TMPDIR killed': { weight: 1, suits: always, until: 0.4, lasts: MOMENT },
  'laying back of TMPDIR killed': { weight: 1, suits: moves, until: 0.4, lasts: MOMENT },
  'check of hashes killed': { weight: 1, suits: always, until: 0.4, lasts: MOMENT },
  'delivery killed': { weight: 1, suits: always, until: 0.8, lasts: MOMENT },
  // Slurm's daemons and nodes.
  'slurmd killed': { weight: 2, suits: always, until: 0.8, lasts: [0, 8] },
  'slurmctld stopped': { weight: 1, suits: always, until: 0.8, lasts: [2, 15] },
  'slurmctld killed': { weight: 1, suits: always, until: 0.8, lasts: [0, 10] },
  'node without power': { weight: 3, suits: always, until: 0.8, lasts: [0, 10] },
  'node without network': { weight: 2, suits: always, until: 0.8, lasts: [2, 15] },
  'node drained': { weight: 1, suits: always, until: 0.8, lasts: [3, 15] },
  // What people do.
  requeued: { weight: 2, suits: always, until: 0.8, lasts: MOMENT },
  'held and released': { weight: 1, suits: always, until: 0.8, lasts: [0, 5] },
  suspended: { weight: 2, suits: always, until: 0.8, lasts: [2, 12] },
  preempted: { weight: 1, suits: always, until: 0.8, lasts: [1, 3] },
  // The store. It comes back before the job can have ended.
  'store away': { weight: 2, suits: always, until: 0.5, lasts: [2, 6] },
  'store full': { weight: 6, suits: ({ store }) => store === 'share', until: 0.5, lasts: [2, 6] },
  'image damaged': { weight: 1, suits: isSaved, until: 0.8, lasts: MOMENT },
  'image cut short': { weight: 1, suits: isSaved, until: 0.8, lasts: MOMENT },
  'image missing': { weight: 1, suits: isSaved, until: 0.8, lasts: MOMENT },
  'manifest damaged': { weight: 1, suits: isSaved, until: 0.8, lasts: MOMENT },
} as const satisfies Record<string, Kind>;

export type FaultKind = keyof typeof KINDS;

export const FAULT_KINDS = Object.keys(KINDS) as FaultKind[];

export type FaultPlan = {
  /** From 1, in no order of time. */
  readonly number: number;
  readonly kind: FaultKind;
  /** Number of the job that it is meant for; the node is the one that this job is on then. */
  readonly job: number;
  /** Which task of an array, from 0. */
  readonly task: number;
  /** Seconds after the job has started for the first time. */
  readonly at: number;
  /** Seconds. */
  readonly lasts: number;
};

export type Plan = {
  readonly jobs: readonly JobPlan[];
  readonly faults: readonly FaultPlan[];
};

export type Wish = {
  readonly jobs: number;
  readonly faults: number;
  readonly seed: number;
  readonly only: readonly FaultKind[];
};

/** How long a job runs at least, in seconds: nothing lets it do its steps faster. */
export const workOf = ({ steps, pause }: JobPlan): number => steps * pause;

/** The same for the same wish: jobs, their options, and what is done to them and when. */
export function plan({ jobs, faults, seed, only }: Wish): Plan {
  const random = new Random(seed);
  const planned = Array.from({ length: jobs }, (_, index) => planJob(index + 1, random));
  const [first, ...others] = planned;
  if (!first) return { jobs: [], faults: [] };
  return {
    jobs: planned,
    faults: Array.from({ length: faults }, (_, index) =>
      planFault(index + 1, [first, ...others], only, random),
    ),
  };
}

function planJob(number: number, random: Random): JobPlan {
  return {
    number,
    program: random.oneOf(PROGRAMS),
    user: random.oneOf(['alice', 'bob']),
    mode: random.oneOf(['requeue', 'snapshot']),
    keep: random.whole(1, 3),
    interval: random.whole(5, 20),
    steps: random.whole(80, 180),
    pause: random.oneOf([0.2, 0.3, 0.4]),
    megabytes: random.oneOf([0, 0, 10, 40]),
    status: random.oneOf([0, 0, 0, 7, 42]),
    tasks: random.oneOf([1, 1, 1, 1, 1, 2]),
    store: random.oneOf(['site', 'site', 'site', 'site', 'share']),
  };
}

function planFault(
  number: number,
  jobs: readonly [JobPlan, ...JobPlan[]],
  only: readonly FaultKind[],
  random: Random,
): FaultPlan {
  const job = random.oneOf(jobs);
  const suiting = only
    .filter((kind) => KINDS[kind].suits(job))
    .map((kind) => ({ kind, weight: KINDS[kind].weight }));
  const [first, ...others] = suiting;
  // Of those asked for none may suit this job: `requeued` suits all.
  const kind = first ? random.weighted([first, ...others]).kind : 'requeued';
  const { lasts, until }: Kind = KINDS[kind];
  return {
    number,
    kind,
    job: job.number,
    task: random.whole(0, job.tasks - 1),
    at: random.whole(2, Math.floor(workOf(job) * until)),
    lasts: random.whole(...lasts),
  };
}

/** Lasts long enough to have a checkpoint, even if it misses one. */
function isSaved(job: JobPlan): boolean {
  return workOf(job) > 3 * job.interval;
}

/** Goes from run to run by itself, so that something is laid back in it. */
function moves(job: JobPlan): boolean {
  return job.mode === 'requeue' && workOf(job) > 2 * job.interval;
}

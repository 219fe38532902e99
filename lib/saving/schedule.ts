// When the next checkpoint is due. Seconds throughout; moments by one clock, whichever.

export type Plan = {
  /** When this run began, or the last attempt was over. */
  readonly since: number;
  readonly interval: number;
  /** When Slurm will end the run, if it will. */
  readonly limit?: { readonly startedAt: number; readonly endsAt: number };
  /** What the last checkpoint took; undefined: there was none. */
  readonly cost: number | undefined;
  /** shareOf() the job. */
  readonly share: number;
};

export type Due = {
  readonly at: number;
  readonly because: 'interval' | 'limit';
  /** While others on the node are being saved it may wait until then. */
  readonly latest: number;
};

/** Should the others take longer than that, or hang, the node has to bear one more. */
const LONGEST_WAIT = 60 * 60;
const WAIT_SHARE = 0.5;

/**
 * For what the last cost does not tell; slurmctld itself is never early (job_time_limit). Of a short run much would go to
 * waste, though.
 */
const LONGEST_RESERVE = 60;
const RESERVE_SHARE = 0.2;
const COST_FACTOR = 2;
const UNKNOWN_COST = 10;
const UNKNOWN_COST_SHARE = 0.25;
/** Jobs of an array begin together, and come to their limit together: none can wait then, so they are spread before. */
const LONGEST_LIMIT_SPREAD = 5 * 60;
const LIMIT_SPREAD_SHARE = 0.02;

/** How long before its limit the last checkpoint of a run begins. */
function margin({ limit, cost, share }: Pick<Plan, 'limit' | 'cost' | 'share'>): number {
  if (!limit) return 0;
  const whole = Math.max(0, limit.endsAt - limit.startedAt);
  const expected = cost === undefined ? Math.min(UNKNOWN_COST, whole * UNKNOWN_COST_SHARE) : cost * COST_FACTOR;
  const spread = share * Math.min(LONGEST_LIMIT_SPREAD, whole * LIMIT_SPREAD_SHARE);
  return Math.min(LONGEST_RESERVE, whole * RESERVE_SHARE) + expected + spread;
}

/** An interval after the last one, but in time before the limit; a last one that failed is tried again while there is time. */
export function nextCheckpoint(plan: Plan): Due {
  const at = plan.since + plan.interval;
  const regular: Due = { at, because: 'interval', latest: at + Math.min(LONGEST_WAIT, plan.interval * WAIT_SHARE) };
  if (!plan.limit) return regular;
  const last = plan.limit.endsAt - margin(plan);
  if (last > plan.since && last <= at) return { at: last, because: 'limit', latest: last };
  if (last > plan.since) return { ...regular, latest: Math.min(regular.latest, last) };
  const left = plan.limit.endsAt - plan.since;
  const soon = plan.since + Math.max(1, left / 4);
  return left > 0 && soon < at ? { at: soon, because: 'limit', latest: soon } : regular;
}

/** Below it a job is watched, or tested, rather than protected. */
const SHORTEST_SPREAD = 60;
const SPREAD_SHARE = 0.1;
/** Its multiples, modulo 1, are as even as can be, however many there are: jobs of one moment have consecutive numbers. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** From 0 to 1, the job's own: those that were submitted together have shares that are spread evenly. */
export const shareOf = (job: number): number => (job * GOLDEN_RATIO) % 1;

/**
 * The first interval of a run: up to a tenth shorter than the others, by a share that is the job's own, so that jobs that
 * were submitted in one moment are not saved in one.
 */
export function firstInterval(interval: number, job: number): number {
  return interval < SHORTEST_SPREAD ? interval : interval * (1 - SPREAD_SHARE * shareOf(job));
}

const BYTES_A_SECOND = 200 * 1024 * 1024;
const LAST_CALL_FACTOR = 1.2;
const LAST_CALL_RESERVE = 2;

/** Whether a checkpoint can be expected to be complete before Slurm kills the job. @param memory bytes of the tree */
export function fitsLastCall(killWait: number, cost: number | undefined, memory: number): boolean {
  return (cost ?? memory / BYTES_A_SECOND) * LAST_CALL_FACTOR + LAST_CALL_RESERVE <= killWait;
}

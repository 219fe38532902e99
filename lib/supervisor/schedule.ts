/** Milliseconds by steadyNow(), or a span of them, throughout. */
export type Plan = {
  readonly startedAt: number;
  readonly intervalMs: number;
  /** When Slurm will end the job; undefined: never. */
  readonly endsAt: number | undefined;
  /** What the last checkpoint took, from the wait for a writer's place to the commit; undefined before the first. */
  readonly lastCostMs: number | undefined;
};

export type Due = { readonly at: number; readonly because: 'interval' | 'limit' | 'look' };

/** slurmctld looks at time limits only every 30 s, and may signal up to 60 s early; much of a short limit would go to waste, though. */
const LONGEST_RESERVE_MS = 60_000;
const RESERVE_SHARE = 0.2;
const COST_FACTOR = 2;
const UNKNOWN_COST_MS = 10_000;

/** How long before the time limit the last checkpoint begins. */
export function marginMs(plan: Plan): number {
  if (plan.endsAt === undefined) return 0;
  const whole = Math.max(0, plan.endsAt - plan.startedAt);
  const cost =
    plan.lastCostMs === undefined
      ? Math.min(UNKNOWN_COST_MS, whole / 4)
      : plan.lastCostMs * COST_FACTOR;
  return Math.min(LONGEST_RESERVE_MS, whole * RESERVE_SHARE) + cost;
}

/** What a dump takes that has no predecessor to tell: a disk's ordinary speed. */
const BYTES_A_SECOND = 200 * 1024 * 1024;
const LAST_CALL_FACTOR = 1.2;
const LAST_CALL_RESERVE_MS = 2000;

/** Whether a checkpoint can be expected to be complete before Slurm kills the job. @param memory bytes of the tree */
export function fitsLastCall(
  killWaitMs: number,
  lastCostMs: number | undefined,
  memory: number,
): boolean {
  const cost = lastCostMs ?? (memory / BYTES_A_SECOND) * 1000;
  return cost * LAST_CALL_FACTOR + LAST_CALL_RESERVE_MS <= killWaitMs;
}

/** When the next checkpoint is due: an interval after the last attempt, and at the latest in time before the limit. */
export function nextCheckpoint(plan: Plan, lastAttemptAt: number): Due {
  const regular: Due = { at: lastAttemptAt + plan.intervalMs, because: 'interval' };
  if (plan.endsAt === undefined) return regular;
  const last = plan.endsAt - marginMs(plan);
  if (last <= lastAttemptAt) {
    // A last attempt that failed is repeated in time, and the limit may have been raised.
    const left = plan.endsAt - lastAttemptAt;
    const soon = Math.max(1000, left / 4);
    return left > 0 && soon < plan.intervalMs
      ? { at: lastAttemptAt + soon, because: 'limit' }
      : regular;
  }
  return last <= regular.at ? { at: last, because: 'limit' } : regular;
}

/** A part of the interval, so that jobs that began together do not write together. */
const JITTER_SHARE = 0.05;
const LONGEST_JITTER_MS = 60_000;

/** @param chance from 0 to 1 */
export const jitterMs = (intervalMs: number, chance: number): number =>
  Math.min(intervalMs * JITTER_SHARE, LONGEST_JITTER_MS) * chance;

/** Seconds. */
export type AutoBounds = {
  readonly min: number;
  readonly max: number;
  readonly meanTimeBetweenFailures: number;
};

/**
 * The interval that loses the least time between saving too often and having too much to do again: the square root of twice a checkpoint's
 * cost times the time between failures (Young 1974, Daly 2006), within the site's bounds. All in seconds.
 */
export function chooseInterval(costSeconds: number, bounds: AutoBounds): number {
  const best = Math.sqrt(2 * costSeconds * bounds.meanTimeBetweenFailures);
  return Math.round(Math.min(bounds.max, Math.max(bounds.min, best)));
}

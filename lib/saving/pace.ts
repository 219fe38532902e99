// How often a job is saved: as often as it asked for, or, with checkpoint=auto, as what its checkpoints cost it is worth.
// Seconds throughout.
import type { JobOptions } from '../job.ts';
import type { Manifest } from '../store/manifest.ts';

export type Pace = {
  /** From the end of one attempt to the next. */
  readonly interval: number;
  /** What the last checkpoints cost the job, the newest last. */
  readonly costs: readonly number[];
};

/** What the site says of it; `mtbf`: mean time between failures of a node. */
export type Site = { readonly shortest: number; readonly longest: number; readonly mtbf: number };

/** `cost`: of the checkpoint that a run goes on from; `pace`: when it was made. */
export type Past = { readonly pace: Pace | undefined; readonly cost: number };

const COUNTED = 5;
/** Around its optimum the loss is flat: with an interval that is off by a quarter it is a few hundredths more. */
const CHANGE_SHARE = 0.25;

/**
 * The time between two checkpoints that loses least, to checkpoints and to failures together.
 * J. T. Daly, A higher order estimate of the optimum checkpoint interval for restart dumps, Future Generation Computer
 * Systems 22 (2006), 303-312; its first term is J. W. Young's of 1974.
 * @param cost of a checkpoint
 */
export function optimum(cost: number, mtbf: number): number {
  if (cost >= 2 * mtbf) return mtbf;
  const share = cost / (2 * mtbf);
  return Math.sqrt(2 * cost * mtbf) * (1 + Math.sqrt(share) / 3 + share / 9) - cost;
}

/** The middle one: a single requeue that waited for a week says nothing of the next. 0 where there are none. */
export function typical(costs: readonly number[]): number {
  const sorted = costs.toSorted((a, b) => a - b);
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return (low + high) / 2;
}

/**
 * While nobody knows what a checkpoint costs the job: one that it hardly notices may well come early, and then is known.
 * One that ends in the queue may cost more than the work that it saves: there the site's own interval counts.
 */
export function firstPace({ auto, mode, intervalSeconds }: JobOptions, site: Site): Pace {
  const interval = intervalSeconds ?? site.longest; // without one no checkpoint is made
  if (auto !== true) return { interval, costs: [] };
  return { interval: mode === 'snapshot' ? site.shortest : within(site, interval), costs: [] };
}

/** After one more checkpoint. An automatic interval stays until a better one is more than a quarter away from it. */
export function nextPace(before: Pace, cost: number, options: JobOptions, site: Site): Pace {
  const costs = [...before.costs, cost].slice(-COUNTED);
  if (options.auto !== true) return { interval: firstPace(options, site).interval, costs };
  const best = within(site, optimum(typical(costs), site.mtbf));
  const stays =
    Math.abs(best - before.interval) <= CHANGE_SHARE * before.interval &&
    within(site, before.interval) === before.interval;
  return { interval: stays ? before.interval : best, costs };
}

const within = ({ shortest, longest }: Site, interval: number): number =>
  Math.min(longest, Math.max(shortest, interval));

type Saved = Pick<Manifest, 'seconds' | 'frozenSeconds' | 'savedAt' | 'options'>;

/**
 * What a checkpoint cost the job: for as long as it stood still. A snapshot's ends with the dump. A job that was requeued
 * also waited in the queue and was restored; by two nodes' clocks, and too much where it was held, or lost a run, meanwhile.
 * @param resumedAt milliseconds since the epoch: when the job went on from it
 */
export function costOf({ seconds, frozenSeconds = seconds, savedAt, options }: Saved, resumedAt: number): number {
  const away = options.mode === 'requeue' ? (resumedAt - Date.parse(savedAt)) / 1000 : 0;
  return frozenSeconds + (away > 0 ? away : 0); // NaN neither: what can't be read again is no manifest
}

/** Why an automatic interval is what it is, for the sentence that says so. */
export function reasonFor({ interval, costs }: Pace, { shortest, longest, mtbf }: Site) {
  const bound = interval === shortest ? 'shortest' : interval === longest ? 'longest' : undefined;
  return { cost: typical(costs), checkpoints: costs.length, mtbf, bound } as const;
}

import { expect, test } from 'vitest';
import { firstInterval, fitsLastCall, nextCheckpoint, shareOf, type Plan } from '../../../lib/saving/schedule.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;

const plan = (interval: number, endsAt?: number, cost?: number, since = 0): Plan => ({
  since,
  interval,
  cost,
  share: 0,
  ...(endsAt !== undefined && { limit: { startedAt: 0, endsAt } }),
});

test.each<[string, Plan, number]>([
  ['an interval after the last', plan(HOUR, undefined, undefined, 5 * HOUR), 6 * HOUR],
  ['an interval after the last while the limit is far', plan(HOUR, 24 * HOUR, MINUTE, 5 * HOUR), 6 * HOUR],
  ['in time before the limit', plan(HOUR, 2 * HOUR, MINUTE, 1.5 * HOUR), 2 * HOUR - 3 * MINUTE],
  ['in time when nobody knows the cost yet', plan(24 * HOUR, 2 * HOUR), 2 * HOUR - MINUTE - 10],
  ['not much sooner than it must before a limit of a minute', plan(HOUR, MINUTE), MINUTE - 12 - 10],
  ['sooner when checkpoints take long', plan(HOUR, 2 * HOUR, 20 * MINUTE, 0.9 * HOUR), 2 * HOUR - 41 * MINUTE],
  ['soon again when the last one before the limit failed', plan(HOUR, 2 * HOUR, MINUTE, 2 * HOUR - 40), 2 * HOUR - 30],
  ['an interval after one that failed after the limit', plan(HOUR, 2 * HOUR, MINUTE, 2 * HOUR), 3 * HOUR],
])('the next checkpoint is due %s', (_, given, at) => {
  expect(nextCheckpoint(given).at).toBe(at);
});

test.each<[string, Parameters<typeof fitsLastCall>, boolean]>([
  ['what the last one took fits', [30, 20, 1e12], true],
  ['what the last one took does not fit', [30, 25, 0], false],
  ['the memory can be written in time', [10, undefined, 200 * 1024 * 1024], true],
  ['the memory cannot be written in time', [10, undefined, 8 * 1024 ** 3], false],
  ['there is no time at all', [0, undefined, 0], false],
])('a last call: %s', (_, given, fits) => {
  expect(fitsLastCall(...given)).toBe(fits);
});

test.each<[string, Plan, number]>([
  ['half an interval', plan(HOUR), 1.5 * HOUR],
  ['an hour', plan(24 * HOUR), 25 * HOUR],
  ['until the last moment before the limit', plan(HOUR, 1.2 * HOUR, MINUTE), 1.2 * HOUR - 3 * MINUTE],
  ['not at all before the limit', plan(2 * HOUR, HOUR, MINUTE), HOUR - 3 * MINUTE],
  ['not at all when it is tried again', plan(HOUR, 2 * HOUR, MINUTE, 2 * HOUR - 40), 2 * HOUR - 30],
])('a checkpoint waits for others of its node %s', (_, given, latest) => {
  expect(nextCheckpoint(given).latest).toBe(latest);
});

test('the first interval of a run is up to a tenth shorter, and for one job always the same', () => {
  const first = Array.from({ length: 1000 }, (_, job) => firstInterval(45 * MINUTE, job));
  expect(Math.min(...first)).toBeGreaterThanOrEqual(40.5 * MINUTE);
  expect(Math.max(...first)).toBeLessThanOrEqual(45 * MINUTE);
  expect(firstInterval(45 * MINUTE, 7)).toBe(first[7]);
});

test.each([1, 70_000, 4_000_000_000])('jobs that are submitted together, from %d on, are spread evenly', (from) => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let job = from; job < from + 100; job += 1)
    tenths[Math.floor((1 - firstInterval(HOUR, job) / HOUR) * 100)]! += 1;
  for (const jobs of tenths) expect(Math.abs(jobs - 10)).toBeLessThanOrEqual(2);
});

test('the last checkpoints of an array before its limit are spread over five minutes at most', () => {
  const last = (job: number, endsAt: number): number =>
    endsAt - nextCheckpoint({ ...plan(100 * HOUR, endsAt, MINUTE), share: shareOf(job) }).at;
  const margins = (endsAt: number): number[] => Array.from({ length: 100 }, (_, job) => last(job + 1, endsAt));
  const spread = (endsAt: number): number => Math.max(...margins(endsAt)) - Math.min(...margins(endsAt));
  expect(Math.min(...margins(24 * HOUR))).toBeGreaterThanOrEqual(3 * MINUTE);
  expect(spread(24 * HOUR)).toBeGreaterThan(4.5 * MINUTE);
  expect(spread(24 * HOUR)).toBeLessThanOrEqual(5 * MINUTE);
  expect(spread(HOUR)).toBeLessThanOrEqual(1.2 * MINUTE);
});

test('an interval of seconds is what it says', () => {
  expect(firstInterval(59, 12_345)).toBe(59);
});

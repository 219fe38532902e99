import { describe, expect, test } from 'vitest';

import {
  chooseInterval,
  jitterMs,
  marginMs,
  nextCheckpoint,
  type Plan,
} from '../../../lib/supervisor/schedule.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = 1_700_000_000_000;

/** A plan in milliseconds after the start. */
const plan = (intervalMs: number, limitMs?: number, lastCostMs?: number): Plan => ({
  startedAt: START,
  intervalMs,
  endsAt: limitMs === undefined ? undefined : START + limitMs,
  lastCostMs,
});

describe('the next checkpoint is due', () => {
  test.each<[string, Plan, number, number]>([
    ['an interval after the start', plan(HOUR), 0, HOUR],
    ['an interval after the last attempt', plan(HOUR), 5 * HOUR, 6 * HOUR],
    ['an interval later while the limit is far', plan(HOUR, 24 * HOUR, MINUTE), 5 * HOUR, 6 * HOUR],
    [
      'in time before a limit that comes sooner than the interval',
      plan(HOUR, 2 * HOUR, MINUTE),
      1.5 * HOUR,
      2 * HOUR - MINUTE - 2 * MINUTE,
    ],
    [
      'in time before the limit when nobody knows the cost yet',
      plan(24 * HOUR, 2 * HOUR),
      0,
      2 * HOUR - MINUTE - 10 * SECOND,
    ],
    [
      'not much sooner than it must under a limit of a minute',
      plan(HOUR, MINUTE),
      0,
      MINUTE - 12 * SECOND - 10 * SECOND,
    ],
    [
      'after more than half of even the shortest limit',
      plan(HOUR, 8 * SECOND),
      0,
      8 * SECOND - 1.6 * SECOND - 2 * SECOND,
    ],
    [
      'sooner when checkpoints take long',
      plan(HOUR, 2 * HOUR, 20 * MINUTE),
      HOUR - MINUTE,
      2 * HOUR - MINUTE - 40 * MINUTE,
    ],
    [
      'soon again when the last attempt before the limit has failed',
      plan(10 * MINUTE, HOUR, SECOND),
      HOUR - 40 * SECOND,
      HOUR - 30 * SECOND,
    ],
    [
      'not at once again when hardly any time is left',
      plan(10 * MINUTE, HOUR, SECOND),
      HOUR - SECOND,
      HOUR,
    ],
    [
      'an interval later when a checkpoint costs more than the limit leaves',
      plan(10 * MINUTE, HOUR, HOUR),
      0,
      10 * MINUTE,
    ],
    [
      'an interval later when the limit has passed',
      plan(MINUTE, HOUR),
      2 * HOUR,
      2 * HOUR + MINUTE,
    ],
    ['an interval later when Slurm says an end before the start', plan(MINUTE, -HOUR), 0, MINUTE],
  ])('%s', (_claim, what, lastAttempt, due) => {
    expect(nextCheckpoint(what, START + lastAttempt).at - START).toBe(due);
  });

  test('never before the last attempt, and never later than an interval after it', () => {
    for (const limit of [undefined, 0, 1, SECOND, MINUTE, HOUR]) {
      for (const cost of [undefined, 0, SECOND, HOUR]) {
        for (const after of [0, SECOND, 30 * SECOND, HOUR]) {
          const due = nextCheckpoint(plan(10 * MINUTE, limit, cost), START + after).at - START;
          expect(due).toBeGreaterThan(after);
          expect(due).toBeLessThanOrEqual(after + 10 * MINUTE);
        }
      }
    }
  });
});

test.each<[string, Plan, number]>([
  ['nothing without a limit', plan(HOUR, undefined, MINUTE), 0],
  ["Slurm's own slack and twice the cost", plan(HOUR, 10 * HOUR, MINUTE), 3 * MINUTE],
  ['a fifth of a short limit and twice the cost', plan(HOUR, 100 * SECOND, SECOND), 22 * SECOND],
  ['a fifth and a quarter where no cost is known', plan(HOUR, 20 * SECOND), 9 * SECOND],
])('the margin before the limit is %s', (_claim, what, margin) => {
  expect(marginMs(what)).toBe(margin);
});

test.each<[string, Plan, number, string]>([
  ['the interval, without a limit', plan(HOUR), 0, 'interval'],
  ['the interval, while the limit is far', plan(HOUR, 10 * HOUR, SECOND), 0, 'interval'],
  ['the limit, when that comes sooner', plan(HOUR, HOUR, SECOND), 0, 'limit'],
  ['the limit, when the last attempt failed', plan(HOUR, HOUR), HOUR - SECOND, 'limit'],
])('a checkpoint is due because of %s', (_claim, what, lastAttempt, because) => {
  expect(nextCheckpoint(what, START + lastAttempt).because).toBe(because);
});

test.each([
  [HOUR, 0, 0],
  [10 * MINUTE, 0.5, 15 * SECOND],
  [10 * MINUTE, 1, 30 * SECOND],
  [24 * HOUR, 1, MINUTE],
])(
  'jobs that began together are apart: an interval of %d ms and a chance of %d by %d ms',
  (interval, chance, ms) => {
    expect(jitterMs(interval, chance)).toBe(ms);
  },
);

describe('an interval that is left to us', () => {
  const bounds = { min: 600, max: 14_400, meanTimeBetweenFailures: 30 * 86_400 };

  test.each([
    ['is the square root of twice the cost times the time between failures', 10, 7200],
    ['is not shorter than the site wants', 0.001, 600],
    ['is the shortest when checkpoints cost nothing', 0, 600],
    ['is not longer than the site wants', 3600, 14_400],
  ])('%s', (_claim, cost, seconds) => {
    expect(chooseInterval(cost, bounds)).toBe(seconds);
  });
});

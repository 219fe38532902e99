import { expect, test } from 'vitest';
import type { JobOptions } from '../../../lib/job.ts';
import { messages } from '../../../lib/messages.ts';
import { costOf, firstPace, nextPace, optimum, reasonFor, typical } from '../../../lib/saving/pace.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SITE = { shortest: 10 * MINUTE, longest: DAY, mtbf: 30 * DAY };
const AUTO: JobOptions = { keep: 1, mode: 'requeue', intervalSeconds: 4 * HOUR, auto: true };
const ASKED: JobOptions = { ...AUTO, intervalSeconds: 45 * MINUTE, auto: false };

/** Of the paper's equation 13: how much longer than its work a job takes. */
const stretch = (interval: number, cost: number, mtbf: number): number =>
  (mtbf / interval) * Math.expm1((interval + cost) / mtbf);

test.each([
  [1, 30 * DAY],
  [12, 30 * DAY],
  [10 * MINUTE, 30 * DAY],
  [6 * HOUR, 30 * DAY],
  [MINUTE, HOUR],
  [20 * MINUTE, HOUR],
])('with checkpoints of %d s and failures every %d s no other interval loses noticeably less', (cost, mtbf) => {
  const chosen = stretch(optimum(cost, mtbf), cost, mtbf);
  for (let factor = 0.1; factor < 10; factor *= 1.01)
    expect(stretch(factor * Math.sqrt(2 * cost * mtbf), cost, mtbf)).toBeGreaterThan(chosen * 0.999);
});

test.each([
  ['are free', 0, DAY, 0],
  ['cost more than a failure', 3 * DAY, DAY, DAY],
  ['cost anything where nothing lasts', 5, 0, 0],
])('checkpoints that %s have an optimum, too', (_, cost, mtbf, best) => {
  expect(optimum(cost, mtbf)).toBe(best);
});

test.each([
  [[], 0],
  [[7], 7],
  [[7, 9], 8],
  [[9, 100_000, 7], 9],
])('of %j the typical one is %d', (costs, middle) => {
  expect(typical(costs)).toBe(middle);
});

test.each<[string, JobOptions, number]>([
  ['who asked for a time gets it', ASKED, 45 * MINUTE],
  ['who asked for more than the longest that auto comes to gets it', { ...ASKED, intervalSeconds: 9 * DAY }, 9 * DAY],
  ['a first snapshot comes early', { ...AUTO, mode: 'snapshot' }, SITE.shortest],
  ['a first requeue comes when the site has them', AUTO, 4 * HOUR],
  ['a first requeue comes within the bounds', { ...AUTO, intervalSeconds: 9 * DAY }, DAY],
])('before anything is known of costs, %s', (_, options, interval) => {
  expect(firstPace(options, SITE)).toEqual({ interval, costs: [] });
});

const after = (interval: number, ...costs: number[]) =>
  nextPace({ interval, costs: costs.slice(0, -1) }, costs.at(-1)!, AUTO, SITE).interval;
const BEST = optimum(MINUTE, SITE.mtbf);

test('an automatic interval follows what checkpoints cost', () => {
  expect(after(10 * MINUTE, MINUTE)).toBe(BEST);
  expect(after(DAY, MINUTE)).toBe(BEST);
});

test('it stays while a better one is not more than a quarter away', () => {
  expect(after(BEST / 1.24, MINUTE)).toBe(BEST / 1.24);
  expect(after(BEST / 0.76, MINUTE)).toBe(BEST / 0.76);
  expect(after(BEST / 1.26, MINUTE)).toBe(BEST);
});

test('it stays within the bounds, even if they changed', () => {
  expect(after(HOUR, 0.05)).toBe(SITE.shortest);
  expect(after(HOUR, 9 * HOUR)).toBe(SITE.longest);
  expect(after(0.99 * SITE.shortest, 0.05)).toBe(SITE.shortest);
});

test('one requeue that waited for a week changes nothing', () => {
  expect(after(BEST, MINUTE, MINUTE, MINUTE, 7 * DAY)).toBe(BEST);
});

test('the last five count', () => {
  let pace = { interval: HOUR, costs: [] as readonly number[] };
  for (const cost of [1, 2, 3, 4, 5, 6]) pace = nextPace(pace, cost, AUTO, SITE);
  expect(pace.costs).toEqual([2, 3, 4, 5, 6]);
});

test('an interval that was asked for stays whatever it costs, and the costs are known should the job ask for auto', () => {
  expect(nextPace({ interval: HOUR, costs: [] }, DAY, ASKED, SITE)).toEqual({ interval: 45 * MINUTE, costs: [DAY] });
});

const SAVED = { seconds: 90, frozenSeconds: 12, savedAt: '2026-01-01T00:00:00.000Z', options: AUTO };
const later = (seconds: number): number => Date.parse(SAVED.savedAt) + seconds * 1000;

test('a requeue costs the job all until it goes on; a snapshot, while it stood still', () => {
  expect(costOf(SAVED, later(300))).toBe(312);
  expect(costOf({ ...SAVED, options: { ...AUTO, mode: 'snapshot' } }, later(300))).toBe(12);
});

test('a clock that is behind, or says nothing, gives nothing back', () => {
  expect(costOf(SAVED, later(-300))).toBe(12);
  expect(costOf({ ...SAVED, savedAt: 'once' }, later(0))).toBe(12);
});

test('an older manifest says what the checkpoint took', () => {
  const { frozenSeconds: _, ...older } = SAVED;
  expect(costOf(older, later(0))).toBe(90);
});

const said = (interval: number, costs: number[]) => messages.paced(interval, reasonFor({ interval, costs }, SITE));

test('the reason is one plain line', () => {
  expect(said(2530, [11, 12, 13])).toBe(
    'Checkpoints every 00:42:10 from here on: the last ones cost 12 s each, and nodes of this site fail every 30-00:00:00 on average.',
  );
  expect(said(SITE.shortest, [0.04])).toContain(
    'the last one cost 0.0 s, and nodes of this site fail every 30-00:00:00 on average; that is the shortest that this site allows.',
  );
  expect(said(SITE.longest, [4 * HOUR])).toContain('04:00:00, and nodes of this site fail');
});

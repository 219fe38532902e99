import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepLease } from '../../../lib/lease/keeper.ts';
import { monotonic } from '../../../lib/lease/lease.ts';
import { meaningOf, type Answer } from '../../../lib/lease/renewal.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});
const pass = async (seconds: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(seconds * 1000));

type Ask = () => Promise<Answer>;
const away: Ask = async () => Promise.reject(new Error('away'));
const hangs: Ask = async () => new Promise(() => {});
const ours: Ask = async () => 'ours';

/** A lease of a minute: asked for every ten seconds, it runs out forty after the last question that was answered well. */
function leased(store: Ask, controller: Ask = away) {
  const done: string[] = [];
  const ask = { store, controller };
  const lease = keepLease({
    seconds: 60,
    since: monotonic(),
    askStore: async () => ask.store(),
    askController: async () => ask.controller(),
    stop: () => void done.push('stop'),
    resume: () => void done.push('resume'),
    guard: () => {},
    renewed: (until) => void done.push(`renewed for ${Math.round(until)}`),
  });
  return { lease, done, ask };
}

test('a lease that is renewed is valid, and nothing is stopped', async () => {
  const { lease, done } = leased(ours);
  using _lease = lease;
  await pass(600);
  expect(lease.isValid()).toBe(true);
  expect(done).toEqual(done.map(() => 'renewed for 45'));
  expect(done.length).toBeGreaterThan(55);
});

test.each([
  ['is away', away],
  ['has lost our claim', async () => 'unknown' as const],
])('a store that %s lets it run out; what writes is stopped, and woken once it answers', async (_, silence) => {
  const { lease, done, ask } = leased(silence);
  using _lease = lease;
  await pass(39);
  expect([lease.isValid(), done]).toEqual([true, []]);
  await pass(3);
  expect([lease.isValid(), lease.lapses(), new Set(done)]).toEqual([false, 1, new Set(['stop'])]);
  ask.store = ours;
  await pass(2);
  expect(await lease.settled()).toBe('valid');
  expect(done.slice(-2)).toEqual(['resume', 'renewed for 45']);
});

test('while the store hangs the controller renews it', async () => {
  const { lease, done } = leased(hangs, ours);
  using _lease = lease;
  await pass(300);
  expect(lease.isValid()).toBe(true);
  expect(done).not.toContain('stop');
});

test('it counts from the question: an answer that comes after forty seconds renews nothing', async () => {
  const answers: ((what: Answer) => void)[] = [];
  const { lease, done } = leased(async () => new Promise((resolve) => answers.push(resolve)));
  using _lease = lease;
  await pass(45);
  answers[0]?.('ours');
  await pass(0.1);
  expect([lease.isValid(), new Set(done)]).toEqual([false, new Set(['stop'])]);
});

test('a machine that slept stops first, and asks then', async () => {
  const { lease, done } = leased(ours);
  using _lease = lease;
  await pass(5);
  vi.setSystemTime(Date.now() + 20_000);
  await pass(2);
  expect(done).toEqual(['renewed for 45', 'stop', 'resume', 'renewed for 45']);
});

test('a newer run is the end of it, however well everybody answers after', async () => {
  const { lease, done, ask } = leased(async () => 'superseded');
  using _lease = lease;
  await pass(1);
  ask.store = ours;
  await pass(60);
  expect([await lease.superseded, await lease.settled(), lease.isValid()]).toEqual(['superseded', 'superseded', false]);
  expect(new Set(done)).toEqual(new Set(['stop']));
});

test('nobody asks the store any more once there is a newer run: to ask is to write', async () => {
  const { lease, ask } = leased(async () => 'superseded');
  using _lease = lease;
  await pass(11);
  let asked = 0;
  ask.store = async () => Promise.resolve((asked += 1)).then(() => 'superseded');
  await pass(60);
  expect(asked).toBe(0);
});

const record = (more: object) => ({ name: '1', state: 'RUNNING', node: 'n1', restarts: 2, ...more });
test.each([
  [record({}), 'ours'],
  [record({ node: 'n2' }), 'unknown'],
  [record({ state: 'PENDING' }), 'unknown'],
  [record({ restarts: 1 }), 'unknown'],
  [record({ restarts: 3, state: 'PENDING' }), 'superseded'],
])('the controller’s word counts only if it names this very run: %j', (said, meaning) => {
  expect(meaningOf(said, { restarts: 2, node: 'n1' })).toBe(meaning);
});

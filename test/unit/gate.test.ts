import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Gate } from '../scenarios/gate.ts';

const passes = async (): Promise<void> => {};
const fails = async (): Promise<void> => {
  throw new Error('expected 5 lines, got 4\n--- job 7, output:');
};
const failsOnce = async (attempt: number): Promise<void> => (attempt === 1 ? fails() : undefined);

test('a scenario that passes is not spoken of', async () => {
  const gate = new Gate({});
  await gate.judge('it works', passes);
  expect(gate.report()).toBe('0 known failures\n0 flaky');
});

test('a scenario that fails twice turns the gate red with all that was seen', async () => {
  await expect(new Gate({}).judge('it works', fails)).rejects.toThrow(
    /got 4\n--- job 7, output:[^]*and again:[^]*got 4/,
  );
});

test('a scenario that passes when run again is green, and printed with what was seen', async () => {
  const gate = new Gate({});
  await gate.judge('it works', failsOnce);
  expect(gate.report()).toBe('0 known failures\n1 flaky\n  it works: expected 5 lines, got 4\n--- job 7, output:');
});

test('a scenario that failed is run again alone, after all others', async () => {
  const gate = new Gate({});
  const order: string[] = [];
  const retried = (claim: string) => async (attempt: number) => {
    order.push(`${claim} begins`);
    if (attempt === 1) throw new Error('failed');
    await Promise.resolve();
    order.push(`${claim} ends`);
  };
  const judged = [
    gate.judge('a', retried('a')),
    gate.judge('b', retried('b')),
    gate.judge('slow', async () => {
      await sleep(20);
      order.push('slow ends');
    }),
  ];
  await Promise.all(judged);
  expect(order).toEqual(['a begins', 'b begins', 'slow ends', 'a begins', 'a ends', 'b begins', 'b ends']);
});

test('a scenario known to fail is counted with its reason, and not run again', async () => {
  const gate = new Gate({ 'it works': 'not built yet' });
  gate.announce('it works');
  let runs = 0;
  const verdict = await gate.judge('it works', async () => {
    runs += 1;
    await fails();
  });
  expect({ verdict, runs }).toEqual({ verdict: 'known-failure', runs: 1 });
  expect(gate.report()).toBe('1 known failures\n  it works (not built yet): expected 5 lines, got 4\n0 flaky');
});

test('a scenario known to fail that passes turns the gate red', async () => {
  const gate = new Gate({ 'it works': 'not built yet' });
  await expect(gate.judge('it works', passes)).rejects.toThrow('"it works" passes now: take it off');
});

test('a known failure that is no scenario turns the gate red', () => {
  expect(() => new Gate({ 'it wroks': 'not built yet' }).report()).toThrow('names no scenario: it wroks');
});

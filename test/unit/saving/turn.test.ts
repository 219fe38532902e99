import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { Due } from '../../../lib/saving/schedule.ts';
import { now, turn } from '../../../lib/saving/turn.ts';

const PATIENCE = { timeout: 4000 };
const due = (): Due => ({ at: now() - 1, because: 'interval', latest: now() + 1000 });

/** One whose slots are free, or not until it is said. */
function agent(isFree: boolean) {
  const signals: AbortSignal[] = [];
  const freed = new AbortController();
  let held = 0;
  const slot = async (signal: AbortSignal): Promise<Disposable> => {
    signals.push(signal);
    if (!isFree) await once(freed.signal, 'abort');
    held += 1;
    return { [Symbol.dispose]: () => void (held -= 1) };
  };
  return { slot, signals, held: () => held, free: () => freed.abort() };
}

test('a checkpoint that is due has a slot until its turn is over', async () => {
  const { slot, held } = agent(true);
  const mine = turn(due(), { slot });
  expect(await mine.comes).toBe('due');
  expect(held()).toBe(1);
  mine[Symbol.dispose]();
  mine[Symbol.dispose]();
  expect(held()).toBe(0);
});

test('a turn that is over while it waits stops waiting, and a slot that comes all the same goes back', async () => {
  const { slot, signals, held, free } = agent(false);
  const mine = turn(due(), { slot });
  await expect.poll(() => signals.length, PATIENCE).toBe(1);
  expect(signals[0]!.aborted).toBe(false);
  mine[Symbol.dispose]();
  expect(signals[0]!.aborted).toBe(true);
  free();
  await mine.comes;
  expect(held()).toBe(0);
});

test('a turn that is over before it is due asks for nothing', async () => {
  const { slot, signals } = agent(true);
  const mine = turn({ ...due(), at: Infinity }, { slot });
  mine[Symbol.dispose]();
  await mine.comes;
  expect(signals).toEqual([]);
});

test('a checkpoint that can wait no longer says so', async () => {
  const { slot, signals } = agent(false);
  using mine = turn({ ...due(), latest: now() - 1 }, { slot });
  expect(mine.comes).toBeInstanceOf(Promise);
  await expect.poll(() => signals[0]?.aborted, PATIENCE).toBe(true);
});

test('no agent, or one that fails, is in nobody’s way', async () => {
  using first = turn(due(), undefined);
  using second = turn(due(), { slot: async () => Promise.reject(new Error('gone')) });
  expect(await first.comes).toBe('due');
  expect(await second.comes).toBe('due');
});

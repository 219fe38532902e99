import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eachOf, lending } from '../../../lib/system/at-once.ts';

function watched() {
  let [running, most] = [0, 0];
  return {
    most: () => most,
    running: () => running,
    act: async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await sleep(1);
      running -= 1;
    },
  };
}

test('as many at once as may be, each once', async () => {
  const seen: number[] = [];
  const { act, most } = watched();
  await eachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    seen.push(item);
    await act();
  });
  expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]));
  expect(seen).toHaveLength(7);
  expect(most()).toBe(3);
});

test('after an error nothing is begun, and nothing is under way when it is thrown', async () => {
  const begun: number[] = [];
  const { act, running } = watched();
  const all = eachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    if (item === 2) throw new Error('two');
    await act();
  });
  await expect(all).rejects.toThrow('two');
  expect(Math.max(...begun)).toBeLessThanOrEqual(3);
  expect(running()).toBe(0);
});

function* oneThenError(): Generator<number> {
  yield 1;
  throw new Error('no more');
}

test('an error of what gives the items is thrown, too', async () => {
  await expect(eachOf(oneThenError(), 3, async () => {})).rejects.toThrow('no more');
});

test('no more is lent than there is, and an error gives it back', async () => {
  const { act, most } = watched();
  const lend = lending(['a', 'b']);
  const fails = lend(async () => {
    throw new Error('broken');
  });
  await expect(fails).rejects.toThrow('broken');
  const lent = await Promise.all(
    Array.from({ length: 9 }, async () =>
      lend(async (thing) => {
        await act();
        return thing;
      }),
    ),
  );
  expect(most()).toBe(2);
  expect(new Set(lent)).toEqual(new Set(['a', 'b']));
});

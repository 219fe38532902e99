import { expect, test } from 'vitest';
import { Turns } from '../../scenarios/turns.ts';

test('what takes turns is done one after the other, in the order in which it was asked for', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const doing = (name: string) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await Promise.resolve();
    order.push(`${name} ends`);
  };
  await Promise.all([turns.take(doing('a')), turns.take(doing('b'))]);
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('one that fails fails alone', async () => {
  const turns = new Turns();
  const failed = turns.take(async () => Promise.reject(new Error('no')));
  const next = turns.take(async () => 'done');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('done');
});

test('of what may be done two at a time a third waits for the first to end', async () => {
  const turns = new Turns(2);
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const done = [1, 2, 3].map(async (number) =>
    turns.take(async () => {
      begun.push(number);
      await new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([1, 2]);
  ends[0]!();
  await done[0];
  await Promise.resolve();
  expect(begun).toEqual([1, 2, 3]);
  for (const end of ends) end();
  await Promise.all(done);
});

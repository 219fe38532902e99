import { expect, test } from 'vitest';
import { Turns } from '../../violent/turns.ts';

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

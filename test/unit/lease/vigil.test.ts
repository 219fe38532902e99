import { expect, test } from 'vitest';
import { vigil } from '../../../lib/lease/vigil.ts';

/** As often as can be. */
const looks = (answers: () => boolean) => ({ answers: async () => answers(), everySeconds: 0.001 });

test('a store that answers is waited for, however long it takes', async () => {
  let asked = 0;
  using watched = vigil(
    '/store',
    looks(() => (asked += 1) > 0),
  );
  await expect.poll(() => asked).toBeGreaterThan(10);
  expect(watched.isGivenUp()).toBe(false);
});

test('for one that is silent nobody waits, and the tree is let go', async () => {
  let isLetGo = false;
  using watched = vigil(
    '/store',
    looks(() => false),
  );
  watched.heldBy(() => (isLetGo = true));
  expect(await watched.givenUp).toBe('given-up');
  expect([isLetGo, watched.isGivenUp()]).toEqual([true, true]);
});

test('what is being committed is not given up before that is over', async () => {
  let asked = 0;
  let isOver = false;
  using watched = vigil(
    '/store',
    looks(() => false),
  );
  watched.heldBy(() => {
    asked += 1;
    return isOver;
  });
  await expect.poll(() => asked).toBeGreaterThan(10);
  expect(watched.isGivenUp()).toBe(false);
  isOver = true;
  expect(await watched.givenUp).toBe('given-up');
});

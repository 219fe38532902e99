import { expect, test } from 'vitest';

import { reasonOf } from '../../lib/errors.ts';

test.each([
  [new Error('no'), 'no'],
  ['thrown as it is', 'thrown as it is'],
  [
    // As Node says it.
    new Error("Unknown system error -122: Unknown system error -122, open '/shared/x'"),
    "EDQUOT: disk quota exceeded, open '/shared/x'",
  ],
])('the reason of %s is "%s"', (thrown, reason) => {
  expect(reasonOf(thrown)).toBe(reason);
});

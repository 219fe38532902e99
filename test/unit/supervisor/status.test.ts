import { expect, test } from 'vitest';

import { mayBeCriusDoing } from '../../../lib/supervisor/status.ts';

test.each([
  ['SIGTRAP', { signal: 5 }, true],
  ['the status of a shell whose program SIGTRAP ended', { exitCode: 133 }, true],
  ['nobody left to say how', undefined, true],
  ['success', { exitCode: 0 }, false],
  ['a status of its own', { exitCode: 7 }, false],
  ['status 5', { exitCode: 5 }, false],
  ['another signal', { signal: 9 }, false],
])('a job that ends with %s while criu was broken off: may criu have done that?', (_, end, may) => {
  expect(mayBeCriusDoing(end)).toBe(may);
});

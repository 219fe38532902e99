import { expect, test } from 'vitest';
import { mayHaveLost } from '../../../lib/supervisor/sigterm.ts';

test.each([
  ['a controller that was there before', 4, { killWait: 30, up: 3600 }, false],
  ['one that was started since', 4, { killWait: 30, up: 2 }, true],
  ['one that was started about then', 4, { killWait: 30, up: 6 }, true],
  ['one that was started before a slurmd passed it on that hung', 4, { killWait: 30, up: 50 }, true],
  ['one that does not say since when it is there', 4, { killWait: 30 }, true],
  ['whoever, once Slurm would have killed the job', 40, { killWait: 30, up: 2 }, false],
])('%s: of what ended the script it may have lost the requeue: %s s, %o, %s', (_, ago, controller, may) => {
  expect(mayHaveLost(ago, controller)).toBe(may);
});

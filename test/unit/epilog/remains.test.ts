import { expect, test } from 'vitest';
import { whatBecomesOf } from '../../../lib/epilog/remains.ts';

test.each([
  ['was cancelled, whatever it has', { end: 'cancelled', hasCheckpoint: true, runs: 0 }, 'deliver'],
  ['has a checkpoint goes on from it', { end: 'failed', hasCheckpoint: true, runs: 0 }, 'requeue'],
  ['has one, and came to its time limit, goes on', { end: 'other', hasCheckpoint: true, runs: 1 }, 'requeue'],
  ['has had three runs since waits for somebody', { end: 'failed', hasCheckpoint: true, runs: 3 }, 'hold'],
  ['may have been cancelled keeps its checkpoint', { end: undefined, hasCheckpoint: true, runs: 0 }, 'keep'],
  ['has no checkpoint yet begins again', { end: 'failed', hasCheckpoint: false, runs: 1 }, 'requeue'],
  ['has had none in three runs waits for somebody', { end: 'failed', hasCheckpoint: false, runs: 3 }, 'hold'],
  ['has none, and came to its limit, is over', { end: 'other', hasCheckpoint: false, runs: 1 }, 'deliver'],
  [
    'has none, and may have been cancelled, is not said to be over',
    { end: undefined, hasCheckpoint: false, runs: 1 },
    'keep',
  ],
  ['is run again by Slurm is left alone', { end: 'runs-again', hasCheckpoint: false, runs: 1 }, 'leave'],
  ['is run again by Slurm keeps its checkpoint', { end: 'runs-again', hasCheckpoint: true, runs: 3 }, 'leave'],
  ['was forgotten, whatever it has, is not over', { end: 'forgotten', hasCheckpoint: false, runs: 3 }, 'forgotten'],
] as const)('a job without a supervisor that %s', (_, remains, next) => {
  expect(whatBecomesOf(remains)).toBe(next);
});

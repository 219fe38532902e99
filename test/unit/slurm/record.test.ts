import { expect, test } from 'vitest';
import { endOf, fateOf, parseRecord } from '../../../lib/slurm/record.ts';

const PLAIN =
  'JobId=12 JobName=Restarts=9 UserId=a(1) JobState=RUNNING Requeue=1 Restarts=3 TimeLimit=00:05:00 StartTime=1795726521 EndTime=1795726821';
// The array's own number names its last task, and `scontrol show job 20` shows them all.
const ARRAY = [
  'JobId=20 ArrayJobId=20 ArrayTaskId=4 JobName=a JobState=PENDING Restarts=0 TimeLimit=UNLIMITED StartTime=Unknown',
  'JobId=21 ArrayJobId=20 ArrayTaskId=1 JobName=a JobState=RUNNING Restarts=2 TimeLimit=1-00:00:00 StartTime=100',
].join('\n');

test('a record is what Slurm says of the job asked for', () => {
  expect(parseRecord(ARRAY, 20)).toEqual({ name: '20_4', state: 'PENDING', restarts: 0 });
  expect(parseRecord(ARRAY, 21)).toEqual({
    name: '20_1',
    state: 'RUNNING',
    restarts: 2,
    startedAt: 100,
    timeLimit: 86_400,
  });
  expect(parseRecord(PLAIN, 12)).toMatchObject({ name: '12', timeLimit: 300 });
  expect(parseRecord(PLAIN, 99)).toBeUndefined();
});

const job = (state: string, restarts = 0) => ({ name: '1', state, restarts, startedAt: 1000, timeLimit: 600 });

test.each([
  ['only a signal', job('RUNNING'), 'goes-on'],
  ['a cancel', job('COMPLETING'), 'over'],
  ['a requeue by somebody', job('COMPLETING', 1), 'runs-again'],
  ['a requeue whose next run has begun', job('RUNNING', 1), 'runs-again'],
])('SIGTERM can be %s', (_, record, fate) => {
  expect(fateOf(record, 0, 1200)).toBe(fate);
});

test('a run that is ended when its time was over has timed out', () => {
  expect(endOf(job('COMPLETING'))).toBe(1600);
  expect(fateOf(job('COMPLETING'), 0, 1601)).toBe('timed-out');
  expect(fateOf({ name: '1', state: 'COMPLETING', restarts: 0, startedAt: 1000 }, 0, 1e9)).toBe('over'); // no limit
});

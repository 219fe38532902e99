import { expect, test } from 'vitest';
import { endOfJob, fateOf, isOfAnotherRun, parseController, parseRecord } from '../../../lib/slurm/record.ts';

const PLAIN =
  'JobId=12 JobName=a UserId=a(1) JobState=RUNNING BatchHost=n7 Requeue=1 Restarts=3 RunTime=00:01:00 TimeLimit=00:05:00 EndTime=1795726821';
// The array's own number names its last task, and `scontrol show job 20` shows them all.
const ARRAY = [
  'JobId=20 ArrayJobId=20 ArrayTaskId=4 JobName=a JobState=PENDING Restarts=0 TimeLimit=UNLIMITED EndTime=Unknown',
  'JobId=21 ArrayJobId=20 ArrayTaskId=1 JobName=a JobState=RUNNING Restarts=2 TimeLimit=1-00:00:00 EndTime=100',
].join('\n');

test('a record is what Slurm says of the job asked for', () => {
  expect(parseRecord(ARRAY, 20)).toEqual({ name: '20_4', state: 'PENDING', node: '', restarts: 0 });
  expect(parseRecord(ARRAY, 21)).toEqual({
    name: '20_1',
    state: 'RUNNING',
    node: '',
    restarts: 2,
    timeLimit: 86_400,
    endsAt: 100,
  });
  expect(parseRecord(PLAIN, 12)).toMatchObject({
    name: '12',
    node: 'n7',
    ran: 60,
    timeLimit: 300,
    endsAt: 1_795_726_821,
  });
  expect(parseRecord(PLAIN, 99)).toBeUndefined();
});

test('a job whose nodes are wanted says since when', () => {
  const record = `JobId=5 JobState=RUNNING Restarts=0 TimeLimit=UNLIMITED EndTime=Unknown PreemptTime=1795726821`;
  expect(parseRecord(record, 5)).toMatchObject({ preemptedAt: 1_795_726_821 });
  expect(parseRecord(record, 5)).not.toHaveProperty('endsAt');
  expect(parseRecord('JobId=5 JobState=RUNNING PreemptTime=None', 5)).not.toHaveProperty('preemptedAt');
});

const job = (state: string, restarts = 0, ran = 200) => ({
  name: '1',
  node: 'n1',
  state,
  restarts,
  ran,
  timeLimit: 600,
});

test.each([
  ['only a signal', job('RUNNING'), 'goes-on'],
  ['a cancel', job('COMPLETING'), 'over'],
  ['a requeue by somebody', job('COMPLETING', 1), 'runs-again'],
  ['a requeue whose next run has begun', job('RUNNING', 1), 'runs-again'],
  ['the doing of a controller that has forgotten this run', job('PENDING'), 'runs-again'],
  ['the end of its time', job('COMPLETING', 0, 600), 'timed-out'],
  ['a cancel of a job without a limit', { name: '1', node: 'n1', state: 'COMPLETING', restarts: 0, ran: 1e9 }, 'over'],
])('SIGTERM can be %s', (_, record, fate) => {
  expect(fateOf(record, 0)).toBe(fate);
});

test.each([
  ['["CANCELLED", "COMPLETING"]', 'cancelled'],
  ['"CANCELLED"', 'cancelled'],
  ['["FAILED","COMPLETING"]', 'failed'],
  ['["TIMEOUT", "COMPLETING"], "comment": "CANCELLED FAILED"', 'other'],
  ['["RUNNING"]', 'failed'],
  ['["OUT_OF_MEMORY", "COMPLETING"]', 'other'],
  ['["NODE_FAIL"]', 'other'],
  ['["PENDING"]', 'forgotten'],
  ['["CANCELLED", "PENDING"]', 'cancelled'],
])('a job whose state is %s in JSON, in old and new versions, has ended as %s', (state, end) => {
  expect(endOfJob(`{"jobs": [{"job_state": ${state}}]}`)).toBe(end);
});

test.each([
  ['the next', job('PENDING', 3), true],
  ['the same, whose end Slurm does not know', job('RUNNING', 2), false],
  ['the same, ended', { ...job('FAILED', 2), node: '' }, false],
  ['another under its number, on another node', { ...job('RUNNING', 2), node: 'n2' }, true],
])('after run 2 on n1 Slurm may have %s', (_, now, isAnother) => {
  expect(isOfAnotherRun(now, { restarts: 2, node: 'n1' })).toBe(isAnother);
});

const said = (start: string): string =>
  `Configuration data as of 1795888644\nBOOT_TIME               = ${start}\nKillWait                = 10 sec\n`;

test('a controller says since when it is there, if its times can be read', () => {
  expect(parseController(said('1795888425'))).toEqual({ killWait: 10, up: 219 });
  expect(parseController(said('2026-11-28T18:00:00'))).toEqual({ killWait: 10 });
});

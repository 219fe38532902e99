import { describe, expect, test } from 'vitest';

import { isCancelled, parseShowJob, suits } from '../../../lib/slurm/control.ts';

const number = (value: number) => ({ set: true, infinite: false, number: value });
const INFINITE = { set: true, infinite: true, number: 0 };
const NOT_SET = { set: false, infinite: false, number: 0 };

/** As `scontrol --json show job` shows it, with a few of the many fields that nobody here looks at. */
const NEW = {
  job_id: 42,
  name: 'simulation',
  job_state: ['RUNNING'],
  restart_cnt: 1,
  requeue: true,
  end_time: number(1_700_003_600),
  time_limit: number(60),
  comment: 'checkpoint=5',
  array_job_id: number(0),
  array_task_id: NOT_SET,
  excluded_nodes: 'node7',
  required_nodes: 'node1',
  features: 'avx512',
  nodes: 'node1',
};

/** The same from Slurm 21.08 to 22.05, before numbers had marks. */
const OLD = {
  ...NEW,
  job_state: 'RUNNING',
  end_time: 1_700_003_600,
  time_limit: 60,
  array_job_id: 0,
  array_task_id: null,
};

const shown = (...jobs: object[]): string => JSON.stringify({ jobs, meta: {}, errors: [] });

describe.each([
  ['of a new Slurm', NEW],
  ['of an old Slurm', OLD],
])('a plain job %s', (_which, job) => {
  test('is read whole', () => {
    expect(parseShowJob(shown(job), 42)).toEqual({
      name: '42',
      states: ['RUNNING'],
      restarts: 1,
      mayRequeue: true,
      endsAt: 1_700_003_600,
      timeLimitSeconds: 3600,
      comment: 'checkpoint=5',
      excludedNodes: 'node7',
      requiredNodes: 'node1',
      features: 'avx512',
      partition: '',
    });
  });

  test('is found among others', () => {
    const other = { ...job, job_id: 41, comment: 'somebody else' };
    expect(parseShowJob(shown(other, job), 42)?.comment).toBe('checkpoint=5');
    expect(parseShowJob(shown(other), 42)).toBeUndefined();
  });
});

test.each([
  ['of a new Slurm', { ...NEW, time_limit: INFINITE }],
  ['of an old Slurm', { ...OLD, time_limit: null }],
])('a job without a time limit %s never ends by itself', (_which, job) => {
  // Slurm shows an end a year away all the same.
  expect(parseShowJob(shown(job), 42)).toMatchObject({
    endsAt: undefined,
    timeLimitSeconds: undefined,
  });
});

test('a job that has not started has a limit but no end', () => {
  const job = { ...NEW, job_state: ['PENDING'], end_time: NOT_SET };
  expect(parseShowJob(shown(job), 42)).toMatchObject({ endsAt: undefined, timeLimitSeconds: 3600 });
});

test.each([
  ['of a new Slurm', { ...NEW, array_job_id: number(40), array_task_id: number(2) }, '40_2'],
  ['of an old Slurm', { ...OLD, array_job_id: 40, array_task_id: 2 }, '40_2'],
  ['with the number 0', { ...NEW, array_job_id: number(40), array_task_id: number(0) }, '40_0'],
  [
    "whose id is its array's",
    { ...NEW, array_job_id: number(42), array_task_id: number(9) },
    '42_9',
  ],
])('a task of an array %s is called by array and task', (_which, job, name) => {
  expect(parseShowJob(shown(job), 42)?.name).toBe(name);
});

test('what is left of an array that has the same id is no task', () => {
  const rest = { ...NEW, job_state: ['PENDING'], array_job_id: number(42) };
  expect(parseShowJob(shown(rest), 42)?.name).toBe('42');
});

test.each([
  [['CANCELLED', 'COMPLETING'], true],
  [['CANCELLED'], true],
  [['RUNNING', 'COMPLETING', 'REQUEUED'], false],
  [['PENDING'], false],
])('a job in %j is cancelled: %s', (states, cancelled) => {
  const job = parseShowJob(shown({ ...NEW, job_state: states }), 42);
  expect(job?.states).toEqual(states);
  expect(job && isCancelled(job)).toBe(cancelled);
});

test('no comment and no list of nodes are empty ones', () => {
  const { excluded_nodes: _, ...job } = { ...OLD, comment: null };
  expect(parseShowJob(shown(job), 42)).toMatchObject({ comment: '', excludedNodes: '' });
  expect(parseShowJob(shown({ ...job, excluded_nodes: null }), 42)?.excludedNodes).toBe('');
});

test.each([
  ['nothing', ''],
  ['no JSON', 'slurm_load_jobs error: Invalid job id specified'],
  ['half of it', shown(NEW).slice(0, 40)],
  ['no jobs', shown()],
  ['another shape', '{"jobs":[{"job_id":42}]}'],
  ['null', 'null'],
])('%s tells nothing of the job', (_which, text) => {
  expect(parseShowJob(text, 42)).toBeUndefined();
});

test.each([
  ['', true],
  ['fast', true],
  ['slow', false],
  ['fast&big', true],
  ['fast&slow', false],
  ['slow|big', true],
  ['[rack1|rack2]', false],
  ['[rack1|big]', true],
  // Not ours to understand.
  ['slow*2&big*4', true],
  ['slow&(rack1|rack2)', true],
])('a node that is fast and big suits the constraint "%s": %s', (constraint, expected) => {
  expect(suits(['fast', 'big'], constraint)).toBe(expected);
});

import { describe, expect, test } from 'vitest';

import { dueFor } from '../../../lib/agent/abandoned.ts';
import type { JobRecord } from '../../../lib/agent/record.ts';
import { jobNow } from '../job-now.ts';

const HOUR_MS = 60 * 60_000;

const record = (more: Partial<JobRecord>): JobRecord => ({
  uid: 2001,
  gid: 2001,
  groups: [],
  restarts: 1,
  resultFolder: '/shared/results',
  store: '/home/alice/.checkpointer/7',
  scratch: '/var/tmp/slurm-checkpointer/7',
  staging: null,
  results: 'pending',
  ending: 'unknown',
  agentPid: 4711,
  ...more,
});

const now = (restarts: number, ...states: string[]) => jobNow({ restarts, states });

describe('what a run has left whose agent is gone', () => {
  test.each([
    ['runs elsewhere', now(2, 'RUNNING')],
    ['waits to be run again', now(2, 'PENDING')],
    ['has ended elsewhere', now(3, 'COMPLETED')],
  ])('is of no use when the job %s', (_, job) => {
    expect(dueFor(record({}), job, 0)).toBe('removal');
  });

  test.each([
    ['has not heard of its end', now(1, 'RUNNING')],
    ['has suspended it', now(1, 'SUSPENDED')],
    ['waits for its Epilog', now(1, 'COMPLETED', 'COMPLETING')],
    ['waits for its Epilog before it runs the job again', now(2, 'PENDING', 'COMPLETING')],
  ])('stays while the controller %s', (_, job) => {
    expect(dueFor(record({ results: 'delivered' }), job, HOUR_MS * 2)).toBe('waiting');
  });

  test.each([
    ['has been delivered', record({ results: 'delivered' }), 'removal'],
    ['was asked for by nobody', record({ resultFolder: null }), 'removal'],
    ["is another run's", record({ results: 'superseded' }), 'removal'],
    ['nobody has delivered', record({ results: 'pending' }), 'waiting'],
    ['could not be delivered', record({ results: 'kept' }), 'waiting'],
  ])('and %s goes when the job has ended: %#', (_, left, due) => {
    expect(dueFor(left, now(1, 'COMPLETED'), 0)).toBe(due);
  });

  test('and nobody has delivered stays, and after an hour, in which an Epilog may be at work, it is said where', () => {
    for (const job of [now(1, 'CANCELLED'), undefined]) {
      expect(dueFor(record({}), job, HOUR_MS - 1)).toBe('waiting');
      expect(dueFor(record({}), job, HOUR_MS)).toBe('a word');
      expect(dueFor(record({ results: 'kept' }), job, 24 * HOUR_MS)).toBe('waiting');
    }
  });

  test('stays for an hour when the controller says nothing of the job', () => {
    const delivered = record({ results: 'delivered' });
    expect(dueFor(delivered, undefined, HOUR_MS - 1)).toBe('waiting');
    expect(dueFor(delivered, undefined, HOUR_MS)).toBe('removal');
  });
});

import { describe, expect, test } from 'vitest';

import {
  isAgent,
  isNewerAgent,
  worksForAgent,
  type Claims,
} from '../../../lib/epilog/leftovers.ts';
import type { Job } from '../../../lib/job.ts';

const JOB: Job = {
  id: 7,
  uid: 1000,
  gid: 100,
  userName: 'alice',
  nodeName: 'n1',
  restarts: 0,
  comment: '',
  slurmConf: '',
};

const agent = (changed: Partial<Claims> = {}): Claims => ({
  uids: [0, 0, 0, 0],
  program: '/usr/bin/node',
  argv: ['/opt/slurm-checkpointer/current/node', '/opt/slurm-checkpointer/current/lib/agent.js'],
  environment: ['SLURM_JOB_ID=7', 'SLURM_JOB_UID=1000'],
  ...changed,
});

const criu = (changed: Partial<Claims> = {}): Claims => ({
  uids: [1000, 1000, 1000, 1000],
  program: '/usr/sbin/criu',
  argv: ['criu', 'dump'],
  environment: ['CHECKPOINTER_RUN=/run/slurm-checkpointer/7'],
  ...changed,
});

describe("a job's Epilog ends", () => {
  test('its agent', () => {
    expect(isAgent(agent(), JOB)).toBe(true);
  });

  test('its agent whose Node has been upgraded meanwhile', () => {
    expect(isAgent(agent({ program: '/usr/bin/node (deleted)' }), JOB)).toBe(true);
  });

  test("criu that works for it, as the job's user", () => {
    expect(worksForAgent(criu(), JOB)).toBe(true);
  });
});

describe("a job's Epilog does not end", () => {
  test.each<[string, Partial<Claims>]>([
    ["another job's agent", { environment: ['SLURM_JOB_ID=77'] }],
    ["a user's program that looks like an agent", { uids: [1001, 1001, 1001, 1001] }],
    ['a set-uid program that was told to look like an agent', { uids: [1001, 0, 0, 0] }],
    ['such a program that has become root altogether', { program: '/usr/bin/su' }],
    ['another program of root', { argv: ['node', '/srv/agent.js'] }],
    ['a process that is gone', { uids: [], program: '' }],
  ])('%s', (_what, changed) => {
    expect(isAgent(agent(changed), JOB)).toBe(false);
  });

  test.each<[string, Partial<Claims>]>([
    [
      'what works for another job',
      { environment: ['CHECKPOINTER_RUN=/run/slurm-checkpointer/77'] },
    ],
    ["another user's process that says it works for it", { uids: [1001, 1001, 1001, 1001] }],
    ["root's process that says so", { uids: [0, 0, 0, 0] }],
    ["a set-uid program of the job's user", { uids: [1000, 0, 0, 0] }],
    ['a process that is gone', { uids: [] }],
  ])('%s', (_what, changed) => {
    expect(worksForAgent(criu(changed), JOB)).toBe(false);
  });
});

test.each([
  ['a newer run', 2, 5000, true],
  ['this run', 1, 5000, false],
  ['a newer run, of the same count', 1, 5001, true],
  ['an earlier run', 0, 4000, false],
])("an agent is known to be %s's", (_, restarts, start, newer) => {
  const environment = [
    'SLURM_JOB_ID=7',
    'SLURM_JOB_UID=1000',
    'SLURM_JOB_GID=100',
    `SLURM_JOB_RESTART_COUNT=${restarts}`,
    `SLURM_JOB_START_TIME=${start}`,
  ];
  const ours = { ...JOB, restarts: 1, startedAt: 5000 };
  expect(isNewerAgent(agent({ environment }), ours)).toBe(newer);
  expect(isNewerAgent(agent({ environment, uids: [1001, 1001, 1001, 1001] }), ours)).toBe(false);
});

import { readdir } from 'node:fs/promises';

import { expect } from 'vitest';

import { on, outside, WORKERS } from '../../helpers/cluster.ts';
import type { Job } from '../../helpers/job.ts';
import { PEER } from '../../helpers/peer.ts';
import { until } from '../../helpers/queue.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';

/** A job that asks its agent for each of these, in its supervisor's place. Returns what the agent answered. */
async function ask(
  user: User,
  requests: readonly (object | string)[],
  before = 'true',
  options: readonly string[] = [],
): Promise<string[]> {
  await user.write('peer.pl', PEER);
  await user.write(
    'requests',
    requests
      .map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
      .map((line) => `${line.replaceAll(/"(@[A-Z]+)"/g, '$1')}\n`)
      .join(''),
  );
  const job = await user.submit({
    script: `#!/bin/bash\n${before}\nperl peer.pl requests\necho asked\n${waitFor('finish')}\n`,
    comment: 'checkpoint=1:00:00',
    options,
  });
  const output = await job.says('asked\n');
  await user.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  return [...output.matchAll(/^answer (.*)$/gm)].map(([, answer = '']) => answer);
}

/** Programs of the user's own for root to run instead of the system's, in a namespace where the user is root. */
const furnished = (mark: string): string => `
mkdir evil
printf '#!/bin/sh\\nid > ${mark}\\n' > evil/env
chmod +x evil/env
for name in setpriv taskset unshare criu tini sh; do cp evil/env evil/$name; done
unshare --user --map-root-user --mount sh -c 'mount --bind evil /usr/sbin; mount --bind evil /usr/local/sbin; mount --bind evil /usr/local/bin; mount --bind evil/env /usr/bin/env; echo in > ready; exec sleep 600' &
export CHILD=$!
until [ -e ready ]; do sleep 0.1; done
`;

const restoreRequest = {
  kind: 'restore',
  images: '/tmp',
  logFile: 'restore.log',
  monotonic: '1',
  boottime: '1',
  groups: [],
  highestPid: 300,
};

test('a mount namespace that the user has furnished himself is not entered by root', async ({
  alice,
}) => {
  const mark = alice.path('mark');
  const answers = await ask(
    alice,
    [
      { kind: 'hello', supervisor: '@CHILD' },
      { kind: 'dump', root: '@CHILD', images: alice.folder, leaveRunning: true },
    ],
    furnished(mark),
  );
  expect(answers).toHaveLength(2);
  expect(answers[0]).toContain('this job has its supervisor');
  expect(await readdir(outside(alice.folder))).not.toContain('mark');
});

test('no file but a job script of this job is made or covered by root', async ({ alice }) => {
  const mark = `/etc/made-by-${alice.folder.split('/').at(-1)}`;
  const places = [
    mark,
    '/usr/bin/tini',
    '/etc/passwd',
    '/var/spool/slurmd/job99999/slurm_script',
    '/var/spool/slurmd/../../../etc/cron.d/job/slurm_script',
  ];
  const answers = await ask(
    alice,
    places.map((script) => ({ ...restoreRequest, script })),
  );
  expect(answers).toHaveLength(places.length);
  for (const answer of answers) {
    expect(answer).toMatch(/"kind":"forged".*is no place of a job script/);
  }
  for (const node of WORKERS) {
    expect(await on(node, 'find', '/etc', '-newer', '/etc/hostname', '-name', 'made-by-*')).toBe(
      '',
    );
  }
});

test("processes of other jobs, of root and of Slurm are nobody's to dump", async ({
  alice,
  bob,
}) => {
  const other = await bob.submit({ script: `#!/bin/bash\n${waitFor('finish')}\n` });
  await other.running();
  const answers = await ask(
    alice,
    [
      { kind: 'dump', root: '@CHILD', images: alice.folder, leaveRunning: true },
      { kind: 'dump', root: 1, images: alice.folder, leaveRunning: true },
      { kind: 'dump', root: 2, images: alice.folder, leaveRunning: true },
      { kind: 'hello', supervisor: '@SUPERVISOR' },
      '{"kind":',
      'null',
      '{"kind":"dump","root":1e999,"images":"/tmp","leaveRunning":true}',
      '{"kind":"note","results":"delivered","uid":0}',
      `{"kind":"${'x'.repeat(50_000)}"}`,
      { kind: 'end-tree' },
    ],
    'export CHILD=$(pgrep -o slurmd)',
  );
  await bob.touch('finish');
  await other.ended();
  expect(answers[0]).toMatch(/is not of job/);
  for (const answer of answers.slice(0, -1)) expect(answer).toMatch(/^\{"kind":"refused"/);
  expect(answers.at(-1)).toBe('{"kind":"answer","answer":{}}');
  expect(answers.map((answer) => answer.length).reduce((a, b) => Math.max(a, b))).toBeLessThan(
    2200,
  );
});

/** A job that takes part and waits, and the numbers of its agent, its supervisor and its script on its node. */
async function waiting(user: User): Promise<{ job: Job; pids: number[] }> {
  const job = await user.submit({
    script: `#!/bin/bash\necho $$ > pid-$SLURM_JOB_ID\necho begin\n${waitFor('finish')}\n`,
    comment: 'checkpoint=1:00:00',
    options: ['--nodelist=n1'],
  });
  await job.says('begin');
  const find = `grep -lzx SLURM_JOB_ID=${job.name} /proc/[0-9]*/environ 2>/dev/null | while read -r environ; do
  process=\${environ%/environ}
  if tr '\\0' ' ' < $process/cmdline | grep -qE '/lib/(agent|supervisor).js'; then echo \${process#/proc/}; fi
done`;
  const ours = (await on('n1', 'bash', '-c', find)).trim().split('\n');
  expect(ours).toHaveLength(2);
  return { job, pids: [...ours, await user.read(`pid-${job.name}`)].map(Number) };
}

test("another job's number and processes get a user nowhere, be it another user's job or one more of his own", async ({
  alice,
  bob,
}) => {
  const jobs = [await waiting(bob), await waiting(alice)];
  const own = { kind: 'note', results: 'delivered', ending: 'over' };
  const answers = await ask(
    alice,
    jobs.flatMap(({ job, pids }) => [
      ...pids.flatMap((pid) => [
        { kind: 'dump', root: pid, images: alice.folder, leaveRunning: false },
        { kind: 'hello', supervisor: pid },
      ]),
      { ...own, job: Number(job.name) },
      { ...own, jobId: job.name },
      { kind: 'end-tree', jobId: Number(job.name) },
      { kind: 'register', resultFolder: null, store: `/home/bob/.checkpointer/${job.name}` },
      {
        ...restoreRequest,
        script: `/var/spool/slurmd/job${job.name.padStart(5, '0')}/slurm_script`,
      },
    ]),
    'true',
    ['--nodelist=n1'],
  );
  expect(answers).toHaveLength(2 * (2 * 3 + 5));
  for (const answer of answers) {
    expect(answer).toMatch(
      /is not of job|has its supervisor|is registered|no place of a job script|[Ii]nvalid|unknown|Expected never/,
    );
    expect(answer).not.toContain('"kind":"answer","answer":{}');
  }
  for (const user of [alice, bob]) await user.touch('finish');
  for (const { job } of jobs) {
    expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  }
});

test('the agent itself dumps no set-uid program, and no process that has one below it', async ({
  alice,
  onTestFinished,
}) => {
  const program = `/shared/suid-${alice.folder.split('-').at(-1)}`;
  onTestFinished(async () => {
    await on('ctl', 'rm', '-f', program);
  });
  await on('ctl', 'cp', '/usr/bin/sleep', program);
  for (const { mode, right } of [
    { mode: '4755', right: 'uid 2001\t0' },
    { mode: '2755', right: 'group 0' },
  ]) {
    await on('ctl', 'chmod', mode, program);
    for (const run of [`${program} 600 &`, `sh -c '${program} 600 & wait' &`]) {
      const answers = await ask(
        alice,
        [{ kind: 'dump', root: '@CHILD', images: alice.folder, leaveRunning: true }],
        `${run}\nexport CHILD=$!\nuntil pgrep -f '^${program} 600' > /dev/null; do sleep 0.1; done`,
      );
      expect(answers.map((answer) => JSON.parse(answer) as unknown)).toEqual([
        {
          kind: 'refused',
          reason: expect.stringMatching(
            new RegExp(`^process \\d+ \\(suid-.*${right}.* is more than the job's user has`),
          ) as string,
        },
      ]);
    }
  }
  expect(await readdir(outside(alice.folder))).not.toContain('dump.log');
});

test("the Epilog ends no process of another user's, whatever it claims to be", async ({
  alice,
  bob,
}) => {
  const { job } = await waiting(alice);
  const claims = [
    `CHECKPOINTER_RUN=/run/slurm-checkpointer/${job.name}`,
    `SLURM_JOB_ID=${job.name}`,
  ];
  const waits = `echo > started; ${waitFor('finish')}; echo survived`;
  const bystander = bob.tryOn(
    'n1',
    ...['env', ...claims, 'timeout', '300', 'bash', '-c'],
    `cd ${bob.folder}; exec -a /opt/slurm-checkpointer/current/lib/agent.js bash -c '${waits}'`,
  );
  await until(async () => (await readdir(outside(bob.folder))).includes('started'));
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  await bob.touch('finish');
  expect((await bystander).stdout).toBe('survived\n');
});

import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished } from 'vitest';

import { on, WORKERS } from '../helpers/cluster.ts';
import { killPart } from '../helpers/kill.ts';
import { until } from '../helpers/queue.ts';
import { counting, numbers, waitFor } from '../helpers/scripts.ts';
import { storeOf } from '../helpers/store.ts';
import { test } from '../helpers/test.ts';

/** The test cluster's lease, etc/checkpointer.ini's default. */
const LEASE_MS = 60_000;

const ENDS = ['exit 7', 'exit 255', 'kill -9 $$', 'kill -TERM $$', 'kill -USR1 $$'];

test('a job whose agent has gone leaves no checkpoints either, whatever its status', async ({
  alice,
}) => {
  const script = `#!/bin/bash\n${waitFor('finish')}\nexit 42\n`;
  const job = await alice.submit({ script, comment: 'checkpoint=0:05,mode=snapshot' });
  await job.says('Dump done');
  const { nodes } = await job.running();
  expect(await killPart('agent', job.name, nodes as 'n1' | 'n2')).toBe(true);
  await job.says('The agent of this job has ended');
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '42:0' });
  expect(await storeOf(alice, job)).toEqual([]);
});

test('a job that is requeued when it cannot be saved goes on from the checkpoint before', async ({
  alice,
}) => {
  const script = `#!/bin/bash
exec 7>>appended.txt
for ((i = 1; ; i++)); do
  echo $i; echo $i >&7
  [ ! -e obstacle ] || exec 8>/tmp/obstacle
  [ ! -e finish ] || exit 3
  sleep 0.2
done
`;
  const job = await alice.submit({ script, comment: 'checkpoint=0:08,mode=snapshot' });
  await job.says('Dump done');
  onTestFinished(async () => {
    for (const node of WORKERS) await on(node, 'rm', '-f', '/tmp/obstacle');
  });
  await alice.touch('obstacle');
  await job.says('No checkpoint: ');
  await alice.run('scontrol', 'requeue', job.name);
  await job.says(/Slurm ends this run[^]*No checkpoint: /);
  await alice.run('rm', alice.path('obstacle'));
  await job.restored(1);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '3:0', restarts: 1 });
  const own = await job.ownOutput();
  expect(own).toBe(numbers(own.trimEnd().split('\n').length));
  expect(await alice.read('appended.txt')).toBe(own);
  expect(await storeOf(alice, job)).toEqual([]);
});

for (const end of ENDS) {
  test(`a moved job that ends with ${end} ends for Slurm as if it had never been moved`, async ({
    alice,
  }) => {
    const script = counting(12, end);
    const job = await alice.submit({ script, comment: 'checkpoint=0:05' });
    const undisturbed = await alice.undisturbed({ script });
    await undisturbed.release();
    await job.movedAround();
    const { state, exitCode } = await undisturbed.ended();
    expect(await job.ended()).toMatchObject({ state, exitCode });
    expect(await job.ownOutput()).toBe(await undisturbed.ownOutput());
    expect(await job.ownOutput()).toBe(numbers(12));
  });
}

test('a job whose script ends right after it was restored does not run again', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: '#!/bin/bash\necho begin\nuntil [ -e go ]; do sleep 0.1; done\necho end\n',
    comment: 'checkpoint=30',
  });
  await job.says('begin');
  await job.savedAndHeld();
  await alice.touch('go');
  await alice.run('scontrol', 'release', job.name);
  expect(await job.ended()).toEqual({ state: 'COMPLETED', exitCode: '0:0', restarts: 1 });
  expect(await job.ownOutput()).toBe('begin\nend\n');
});

test("a cancelled job's trap runs, its results are delivered, nothing is requeued or kept", async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash
trap 'echo trapped; echo second >> $TMPDIR/result; exit 3' TERM
echo first > $TMPDIR/result
while :; do sleep 0.2; done
`,
    comment: `checkpoint=0:20,results=${alice.folder}`,
  });
  await job.restored(1);
  const { restarts } = await job.running();
  await job.cancel();
  const ended = await job.ended();
  expect(ended.state).toBe('CANCELLED');
  expect(ended.restarts).toBe(restarts);
  expect(await job.ownOutput()).toBe('trapped\n');
  expect(await alice.read('result')).toBe('first\nsecond\n');
  expect(await storeOf(alice, job)).toEqual([]);
});

test('a cancelled job that does not listen is killed, and its results are delivered', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash
trap '' TERM
echo first > $TMPDIR/result
echo begin
while :; do sleep 0.2; done
`,
    comment: `checkpoint=10,results=${alice.folder}`,
  });
  await job.says('begin');
  await job.cancel();
  expect(await job.ended()).toMatchObject({ state: 'CANCELLED', restarts: 0 });
  expect(await alice.read('result')).toBe('first\n');
  expect(await storeOf(alice, job)).toEqual([]);
});

test('a job that is cancelled while it waits to go on is finished when its owner runs another one: results delivered, no checkpoint left', async ({
  alice,
}) => {
  const results = await alice.makeFolder(alice.path('results'));
  const job = await alice.submit({
    script: `#!/bin/bash\necho half > "$TMPDIR/half.txt"\necho begin\n${waitFor('never')}\n`,
    comment: `checkpoint=30,results=${results}`,
  });
  await job.says('begin');
  await job.savedAndHeld();
  await job.cancel();
  expect(await job.ended()).toMatchObject({ state: 'CANCELLED' });
  expect(await storeOf(alice, job)).toEqual([1]);
  // A running job would have been heard of by then.
  await sleep(LEASE_MS + 5000);
  await until(async () => {
    const other = await alice.submit({ script: '#!/bin/bash\nsleep 3\n', comment: 'checkpoint' });
    await other.ended();
    return (await storeOf(alice, job)).length === 0;
  });
  expect(await alice.read('results/half.txt')).toBe('half\n');
});

test('--signal=B:USR1 reaches the trap of a script that was requeued from outside and restored', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash
trap 'echo USR1; exit 5' USR1
echo begin
while :; do sleep 0.2; done
`,
    comment: 'checkpoint=1:00:00',
    options: ['--time=10', '--signal=B:USR1@60'],
  });
  await job.says('begin');
  // Nobody gave notice: the supervisor saves the job within KillWait.
  await alice.run('scontrol', 'requeue', job.name);
  await job.restored(1);
  await alice.run('scontrol', 'update', `jobid=${job.name}`, 'timelimit=2');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(await job.ownOutput()).toBe('begin\nUSR1\n');
});

test('a job that needs longer than its time limit is saved before it and finishes in the end', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: counting(100, 'exit 0'),
    comment: 'checkpoint=0-1',
    options: ['--time=1'],
  });
  await job.release();
  const ended = await job.ended();
  expect(ended).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(ended.restarts).toBeGreaterThanOrEqual(1);
  expect(await job.ownOutput()).toBe(numbers(100));
  expect(await job.told()).toContainEqual(
    expect.stringMatching(
      /^Warning: .*interval \(1 h\) is not smaller than the time limit \(1 min\)/,
    ),
  );
});

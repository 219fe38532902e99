import { readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { on, outside, tryOn } from '../../helpers/cluster.ts';
import type { Job } from '../../helpers/job.ts';
import { killPart } from '../../helpers/kill.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { armShim, letGo, shimHasStruck } from '../../helpers/shims.ts';
import { endNoteOf, removeStore, storeOf } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness, type Worker } from '../../helpers/witness.ts';

for (const mode of ['requeue', 'snapshot']) {
  test(`a job in mode ${mode} that is requeued, held, released and requeued again goes on each time`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', `checkpoint=30,mode=${mode}`);
    await witness.counts();
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.restored(1);
    await witness.counts();
    await alice.run('scontrol', 'requeuehold', witness.job.name);
    await witness.held();
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.restored(2);
    await witness.counts();
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.restored(3);
    await witness.finish();
  });

  test(`a job in mode ${mode} that is suspended when it is to be saved is saved when it has been resumed`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', `checkpoint=0:30,mode=${mode}`);
    await witness.counts();
    await on('ctl', 'scontrol', 'suspend', witness.job.name);
    await witness.job.is(({ state }) => state === 'SUSPENDED');
    await alice.run('sleep', '31');
    await on('ctl', 'scontrol', 'resume', witness.job.name);
    await witness.counts();
    if (mode === 'requeue') await witness.job.restored(1);
    else await witness.checkpointed(1);
    await witness.counts();
    await witness.finish();
    expect(await witness.job.output()).not.toContain('the job waits');
  });
}

test('a stop signal that comes out behind the SIGCONT that followed it stops no job for good', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  const { name } = witness.job;
  expect(await killPart('supervisor', name, await witness.node(), ['CONT', 'TSTP'])).toBe(true);
  await witness.counts();
  await witness.finish();
});

test('a job that ends with a SIGTERM of which Slurm knows nothing, and could not be saved then, goes on from its checkpoint', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:10,mode=snapshot');
  await witness.checkpointed(1);
  await witness.willStrike('criu', 'dump', 'each time');
  // As a slurmctld that was killed right after it had requeued the job, and has forgotten that.
  await alice.run('scancel', '--batch', '--signal=TERM', witness.job.name);
  await witness.job.says("The script has ended with Slurm's signal: Requeueing");
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a signal that comes while the job is being saved is heard where it goes on', async ({
  alice,
}) => {
  const script = `#!/bin/bash
trap 'echo USR1 on $SLURMD_NODENAME; exit 5' USR1
echo begin
${waitFor('never')}
`;
  const job = await alice.submit({ script, comment: 'checkpoint=0:10' });
  await job.says('begin');
  await armShim('b3sum', job.name, '', 'wait');
  await until(async () => shimHasStruck('b3sum', job.name));
  await alice.run('scancel', '--batch', '--signal=USR1', job.name);
  await letGo('b3sum', job.name);
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 1 });
  expect(await job.ownOutput()).toMatch(/^begin\nUSR1 on n[12]\n$/);
  expect(await storeOf(alice, job)).toEqual([]);
});

test('a job whose last checkpoint fails at first is saved all the same', async ({ alice }) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  await witness.willStrike('tar', '--create', 'at once');
  await alice.run('scontrol', 'requeue', witness.job.name);
  await witness.job.says(/Slurm ends this run[^]*No checkpoint: .* tar [^]*Dump done/);
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a job that has ended runs once more from the beginning when its owner wants that', async ({
  alice,
}) => {
  const job = await alice.submit({ script: '#!/bin/bash\necho ran\n', comment: 'checkpoint=30' });
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED' });
  // Its note must not be young enough for a slurmctld that has just been started.
  await on('ctl', 'touch', '--date=now + 1 hour', endNoteOf(alice, job));
  await job.runsAgain();
  await job.says('it starts from the beginning');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', restarts: 1 });
  expect(await job.ownOutput()).toBe('ran\nran\n');
});

test('a job whose end nobody could tell the controller leaves nothing on its node when its results are delivered', async ({
  alice,
}) => {
  allowComplaints(/without its script having ended/);
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06,mode=snapshot');
  const { job } = witness;
  await witness.checkpointed(1);
  const node = await witness.node();
  await witness.willStrike('scontrol', 'show', 'each time');
  await alice.touch('job/finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED' });
  expect(await storeOf(alice, job)).not.toEqual([]);
  await witness.looksRight();
  for (const folder of ['/run', '/var/tmp']) {
    const path = `${folder}/slurm-checkpointer/${job.name}`;
    await until(async () => (await tryOn(node, ['test', '-e', path])).status !== 0);
  }
  await removeStore(alice, job);
});

for (const { count, request } of [
  { count: 0, request: "a late request to end a job's earlier run" },
  { count: 1, request: 'one that was made when that was being requeued' },
]) {
  test(`${request} leaves the newer run alone`, async ({ alice }) => {
    const witness = await Witness.start(alice, 'job', 'checkpoint=30');
    await witness.counts();
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.restored(1);
    await witness.counts();
    const node = await witness.node();
    // What slurmd does when its node is back after a power cut: it ends nothing, and runs the Epilog.
    const environment = {
      SLURM_JOB_ID: witness.job.name,
      SLURM_JOB_UID: 2001,
      SLURM_JOB_GID: 2001,
      SLURM_JOB_USER: 'alice',
      SLURM_JOB_RESTART_COUNT: count,
      SLURM_JOB_START_TIME: 1_700_000_000,
      SLURMD_NODENAME: node,
      SLURM_CONF: '/etc/slurm/slurm.conf',
    };
    const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    await on(node, 'env', '-i', ...words, '/opt/slurm-checkpointer/hooks/epilog');
    await witness.counts();
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.restored(2);
    await witness.counts();
    await witness.finish();
  });
}

/** A job with results whose supervisor is killed, and a program that its Epilog then needs. */
async function cutShort(
  alice: User,
  ...strike: Parameters<Witness['willStrike']>
): Promise<{ witness: Witness; node: Worker }> {
  allowComplaints(/its script having ended/);
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  const node = await witness.node();
  await witness.willStrike(...strike);
  await witness.kills('supervisor');
  return { witness, node };
}

/** Waits until syslog says that a job's results stay on its node, and removes them, which are there. */
async function stay({ job }: Witness, node: Worker): Promise<void> {
  const scratch = `/var/tmp/slurm-checkpointer/${job.name}`;
  const syslog = outside('/var/log/slurm/syslog', node);
  await until(async () =>
    (await readFile(syslog, 'latin1')).includes(`its results stay in ${scratch}`),
  );
  expect(await on(node, 'ls', scratch)).toBe('inside.txt\n');
  await on(node, 'rm', '-r', scratch);
}

test('results of a job of which the controller does not say how it ended stay on its node, and syslog says where', async ({
  alice,
}) => {
  const { witness, node } = await cutShort(alice, 'scontrol', 'show', 'each time');
  expect(await witness.job.ended()).toMatchObject({ state: 'FAILED', exitCode: '0:9' });
  await stay(witness, node);
  await removeStore(alice, witness.job);
});

test('results of a job whose Epilog was killed stay on its node, and an hour later syslog says where, once', async ({
  alice,
}) => {
  const { witness, node } = await cutShort(alice, 'rsync', '', 'fail after a wait');
  await witness.struck('rsync');
  expect(await killPart('Epilog', witness.job.name, node)).toBe(true);
  await witness.letsGo('rsync');
  expect(await witness.job.ended()).toMatchObject({ state: 'FAILED', exitCode: '0:9' });
  const run = `/run/slurm-checkpointer/${witness.job.name}`;
  await on(node, 'touch', '--date=2 hours ago', `${run}/record.json`);
  const next = await alice.submit({
    script: '#!/bin/bash\nsleep 3\n',
    comment: 'checkpoint',
    options: [`--nodelist=${node}`],
  });
  await next.ended();
  await stay(witness, node);
  expect(await on(node, 'cat', `${run}/record.json`)).toContain('"results":"kept"');
  await on(node, 'rm', '-r', run, `/var/tmp/slurm-checkpointer/.${witness.job.name}.boot`);
  await removeStore(alice, witness.job);
});

test('what an Epilog has left of a job that has ended, or could not remove, goes when its owner runs another one', async ({
  alice,
}) => {
  const job = await alice.submit({ script: '#!/bin/bash\n', comment: 'checkpoint=30' });
  const other = async (): Promise<void> => {
    const next = await alice.submit({ script: '#!/bin/bash\nsleep 3\n', comment: 'checkpoint' });
    await next.ended();
  };
  await job.ended();
  const note = endNoteOf(alice, job);
  const isThere = async (): Promise<boolean> =>
    (await tryOn('ctl', ['test', '-e', note])).status === 0;
  await other();
  expect(await isThere()).toBe(true);
  await on('ctl', 'touch', '--date=11 minutes ago', note);
  // As if the node had died before its Epilog ran.
  const store = note.replace(/\.over$/, '');
  const over = JSON.stringify({ run: 0, end: { exitCode: 0 } });
  const make = `mkdir --parents --mode=700 ${store}/1 && echo '${over}' > ${store}/over.json && touch --date='11 minutes ago' ${store}`;
  await alice.run('sh', '-c', make);
  await until(async () => {
    await other();
    return (await tryOn('ctl', ['test', '-e', store])).status !== 0;
  });
  await until(async () => {
    await other();
    return !(await isThere());
  });
});

test('what is left of a tree whose script has told its status is not saved', async ({ alice }) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:20');
  await witness.counts();
  // As in the moment between that and the end of the tree.
  const status = `/run/slurm-checkpointer/${witness.job.name}/user/status`;
  const node = await witness.node();
  await on(node, 'setpriv', '--reuid=2001', '--clear-groups', 'touch', status);
  await witness.job.says('Dumping checkpoint');
  await witness.counts();
  await alice.run('sleep', '2');
  expect(await witness.job.told()).not.toContain('Dump done, Exit code: 0');
  await on(node, 'rm', status);
  await witness.job.restored(1);
  await witness.finish();
});

test('each task of an array comes to its own ending, and goes on for itself', async ({ alice }) => {
  const tasks = await alice.submitAll(
    {
      script: `#!/bin/bash
for ((i = 1; ; i++)); do echo $i; [ ! -e finish-$SLURM_ARRAY_TASK_ID ] || break; sleep 0.2; done
`,
      comment: 'checkpoint=30',
    },
    ['1', '2', '3', '4', '5', '6'],
  );
  const [, requeued, held, suspended, limited, cancelled] = tasks as [Job, Job, Job, Job, Job, Job];
  await Promise.all(tasks.map(async (task) => task.says('3\n')));
  await alice.run('scontrol', 'requeue', requeued.name);
  await alice.run('scontrol', 'requeuehold', held.name);
  await on('ctl', 'scontrol', 'suspend', suspended.name);
  await alice.run('scontrol', 'update', `jobid=${limited.name}`, 'timelimit=1');
  await cancelled.cancel();
  await held.is(({ state, reason }) => state === 'PENDING' && /held/i.test(reason));
  await alice.run('scontrol', 'release', held.name);
  await suspended.is(({ state }) => state === 'SUSPENDED');
  await on('ctl', 'scontrol', 'resume', suspended.name);
  await Promise.all([requeued, held, limited].map(async (task) => task.restored(1)));
  for (const index of [1, 2, 3, 4, 5]) await alice.touch(`finish-${index}`);
  for (const task of tasks) {
    const moved = [requeued, held, limited].includes(task);
    const ending =
      task === cancelled ? { state: 'CANCELLED' } : { state: 'COMPLETED', exitCode: '0:0' };
    expect(await task.ended()).toMatchObject({ ...ending, restarts: moved ? 1 : 0 });
    const lines = (await task.ownOutput()).trimEnd().split('\n');
    expect(lines).toEqual(lines.map((_, line) => `${line + 1}`));
  }
});

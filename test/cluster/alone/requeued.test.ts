import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import { on, signalDaemon, tryOn } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { armShim, letGo, shimHasStruck } from '../../helpers/shims.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { storeOf } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import type { Job } from '../../helpers/job.ts';
import type { User } from '../../helpers/user.ts';
import { Witness, type Worker } from '../../helpers/witness.ts';

/** Shows whether it was begun more than once. */
const ONCE = `#!/bin/bash
echo once
echo once >>"$TMPDIR/result"
${waitFor('finish')}
exit 3
`;

const SURELY_ASKED_MS = 10_000;

test('a job that ends while it is being preempted does not run a second time', async ({
  alice,
  bob,
}) => {
  const job = await alice.submit({
    script: ONCE,
    comment: `checkpoint=0:06,mode=snapshot,results=${alice.folder}`,
    options: ['--nodelist=n1'],
  });
  await job.says('Dump done');
  const urgent = await bob.submit({
    script: '#!/bin/bash\ntrue\n',
    options: ['--partition=urgent', '--exclusive', '--nodelist=n1'],
  });
  // Which gives it the test cluster's GraceTime.
  await until(async () =>
    /PreemptTime=\d/.test(await on('ctl', 'scontrol', 'show', 'job', job.name)),
  );
  await alice.touch('finish');
  await job.is(({ state, restarts }) => state === 'PENDING' && restarts === 1);
  await alice.run('scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=');
  await ranOnce(alice, job);
  expect(await urgent.ended()).toMatchObject({ state: 'COMPLETED' });
});

test('a job that ends on a node that Slurm has given up does not run a second time', async ({
  alice,
}) => {
  allowComplaints(/not responding|down/);
  const job = await alice.submit({
    script: ONCE,
    comment: `checkpoint=0:06,mode=snapshot,results=${alice.folder}`,
    options: ['--nodelist=n1'],
  });
  await job.says('Dump done');
  // It hears of the requeue only when the script has ended.
  await signalDaemon('n1', 'slurmd', 'STOP');
  try {
    await on('ctl', 'scontrol', 'update', 'nodename=n1', 'state=down', 'reason=given up');
    await job.is(({ state, restarts }) => state === 'PENDING' && restarts === 1);
    await alice.touch('finish');
    await job.says('Final result copied');
  } finally {
    await signalDaemon('n1', 'slurmd', 'CONT');
  }
  const runFolder = `/run/slurm-checkpointer/${job.name}`;
  await until(async () => (await tryOn('n1', ['test', '-e', runFolder])).status !== 0);
  await comesBack('n1');
  await alice.run('scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=');
  await ranOnce(alice, job);
});

test('a job that ends unnoticed when a newer run has taken over is the newer run to end', async ({
  alice,
}) => {
  allowComplaints(/not responding|down|may still be alive/);
  const job = await alice.submit({
    script: ONCE,
    comment: `checkpoint=0:30,results=${alice.folder}`,
  });
  await job.restored(1);
  const node = (await job.running()).nodes as Worker;
  // At the next checkpoint its supervisor waits for the controller's answer. Now it has asked until when it may run.
  await sleep(SURELY_ASKED_MS);
  await armShim('scontrol', job.name, 'show', 'wait');
  await until(async () => shimHasStruck('scontrol', job.name));
  await signalDaemon(node, 'slurmd', 'STOP');
  try {
    await on('ctl', 'scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=given up');
    await alice.touch('finish');
    await job.restored(2);
    expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '3:0', restarts: 2 });
    await letGo('scontrol', job.name);
    await until(async () =>
      (await job.output()).includes('A newer run of this job has taken over'),
    );
  } finally {
    await letGo('scontrol', job.name);
    await signalDaemon(node, 'slurmd', 'CONT');
  }
  expect(await job.ownOutput()).toBe('once\n');
  expect(await alice.read('result')).toBe('once\n');
  await comesBack(node);
});

/** A newer run takes the job over while a program of this one is held up, which then goes on. */
async function isOvertaken(witness: Witness, program: 'scontrol' | 'b3sum'): Promise<void> {
  allowComplaints(/not responding|down|may still be alive/);
  await witness.struck(program);
  const node = await witness.node();
  // There is only one node to go on.
  await witness.nextWith('checkpoint=30');
  await signalDaemon(node, 'slurmd', 'STOP');
  try {
    await on('ctl', 'scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=given up');
    await witness.job.restored(1);
    await witness.counts();
    await witness.letsGo(program);
    await witness.job.says('A newer run of this job has taken over: this one ends');
    await witness.counts();
  } finally {
    await witness.letsGo(program);
    await signalDaemon(node, 'slurmd', 'CONT');
  }
  await comesBack(node);
  await witness.finish();
}

test('a run that hears late that its requeue was refused leaves the files to a newer one that has taken over', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:10');
  await witness.willStrike('scontrol', 'requeue', 'fail after a wait');
  await isOvertaken(witness, 'scontrol');
  expect(await witness.job.output()).not.toContain('is restored here');
});

test('a run that was still looking at its checkpoint when a newer one took over restores nothing', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.savedAndHeld();
  await witness.willStrike('b3sum', '', 'wait');
  await witness.nextOn('');
  await isOvertaken(witness, 'b3sum');
  const restores = (await witness.job.told()).filter((line) => line.includes('restore finished'));
  expect(restores).toHaveLength(1);
});

async function comesBack(node: Worker): Promise<void> {
  // Unless it has by itself.
  await tryOn('ctl', ['scontrol', 'update', `nodename=${node}`, 'state=resume']);
  await until(async () =>
    /^(?:idle|mix|alloc) *$/m.test(
      await on('ctl', 'sinfo', '-h', '-p', 'main', '-n', node, '-o', '%t'),
    ),
  );
}

/** It has been requeued when its script had ended, with status 3. */
async function ranOnce(user: User, job: Job): Promise<void> {
  await job.says('The job had come to its end before Slurm requeued it');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '3:0', restarts: 1 });
  expect(await job.ownOutput()).toBe('once\n');
  expect(await user.read('result')).toBe('once\n');
  expect(await storeOf(user, job)).toEqual([]);
}

const HOOK = '/opt/slurm-checkpointer/hooks/task-prolog';

test('a job that Slurm ends before its supervisor can hear of it is saved all the same', async ({
  alice,
}) => {
  const slow = `#!/bin/sh\nsleep 10\nexec ${HOOK}.own\n`;
  // The nodes of the test cluster have one root.
  await on('n1', 'mv', HOOK, `${HOOK}.own`);
  await on('n1', 'sh', '-c', `printf '${slow}' > ${HOOK} && chmod 755 ${HOOK}`);
  try {
    const witness = await Witness.start(alice, 'job', 'checkpoint=30');
    const node = await witness.node();
    await until(async () => (await tryOn(node, ['pgrep', '--full', HOOK])).status === 0);
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.says(/Slurm ends this run[^]*Dump done/);
    await witness.job.restored(1);
    await witness.counts();
    await witness.finish();
  } finally {
    await on('n1', 'mv', `${HOOK}.own`, HOOK);
  }
});

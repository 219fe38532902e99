import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import {
  on,
  signalDaemon,
  startDaemon,
  STATE_SAVED_MS,
  tryOn,
  WORKERS,
} from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { removePutAside } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

const answers = async (): Promise<boolean> =>
  (await tryOn('ctl', ['timeout', '5', 'scontrol', 'ping'])).stdout.includes('is UP');

test('while the controller hangs or is gone jobs run on and are saved, and move when it is back', async ({
  alice,
}) => {
  allowComplaints(/requeue refused/);
  const [leaving, moving, staying] = await Promise.all([
    Witness.start(alice, 'leaving', 'checkpoint=0:06', { megabytes: 20 }),
    Witness.start(alice, 'moving', 'checkpoint=0:30'),
    Witness.start(alice, 'staying', 'checkpoint=0:06,mode=snapshot'),
  ]);
  // Its checkpoint is complete but for the hashes when the controller falls silent.
  await leaving.willStrike('b3sum', '', 'wait');
  await Promise.all([moving, staying].map(async (witness) => witness.counts()));
  await leaving.struck('b3sum');
  await signalDaemon('ctl', 'slurmctld', 'STOP');
  try {
    await leaving.letsGo('b3sum');
    await leaving.job.says(/The requeue was refused.*the job is restored here and goes on/);
    await leaving.job.restored(1);
    await leaving.counts();
    await moving.job.says('No checkpoint: the Slurm controller cannot be reached; the job runs on');
    await staying.checkpointed(1);
    await signalDaemon('ctl', 'slurmctld', 'KILL');
    await leaving.job.says(
      'No checkpoint: the Slurm controller cannot be reached; the job runs on',
    );
    await Promise.all([leaving, moving, staying].map(async (witness) => witness.counts()));
  } finally {
    // There may be none any more.
    await signalDaemon('ctl', 'slurmctld', 'CONT').catch(() => undefined);
    await startDaemon('ctl');
  }
  await until(answers);
  await moving.job.restored(1);
  await leaving.job.restored(2);
  for (const witness of [leaving, moving, staying]) {
    await witness.finish();
    expect(await witness.job.output()).not.toContain('is held');
  }
});

test('slurmd may be killed and started again while jobs run and while they are saved', async ({
  alice,
}) => {
  const options = ['--nodelist=n1'];
  const [moving, staying] = await Promise.all([
    Witness.start(alice, 'moving', 'checkpoint=0:10', { options }),
    Witness.start(alice, 'staying', 'checkpoint=0:06,mode=snapshot', { options }),
  ]);
  await Promise.all([moving.counts(), staying.counts()]);
  await moving.willStrike('tar', '--create', 'wait');
  await signalDaemon('n1', 'slurmd', 'KILL');
  await startDaemon('n1');
  await moving.struck('tar');
  await signalDaemon('n1', 'slurmd', 'KILL');
  await startDaemon('n1');
  await moving.letsGo('tar');
  await moving.waitsToRunAgain();
  await moving.nextOn('');
  await moving.job.restored(1);
  await staying.checkpointed(1);
  await Promise.all([moving.finish(), staying.finish()]);
});

const STATE = '/var/spool/slurmctld';

/** Kills slurmctld, and starts it with the state that it had some time ago. @param meanwhile what happens while it is away */
async function comesBackWithOlderState(
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  await signalDaemon('ctl', 'slurmctld', 'KILL');
  await on('ctl', 'sh', '-c', `rm -r ${STATE} && mv ${STATE}.before ${STATE}`);
  await meanwhile();
  await startDaemon('ctl');
  await until(answers);
}

/** So long slurmctld believes that a job is on its way to a node that does not know it: BatchStartTimeout and MessageTimeout (_purge_missing_jobs in job_mgr.c). */
const BELIEVED_MS = 22_000;

async function keepsState(): Promise<void> {
  await sleep(STATE_SAVED_MS);
  await on('ctl', 'cp', '--archive', STATE, `${STATE}.before`);
}

test('a job whose end a slurmctld with an older state has forgotten ends as it did, and computes nothing', async ({
  alice,
}) => {
  allowComplaints(/not responding|down|missing from batch node/);
  const [moving, staying] = await Promise.all([
    Witness.start(alice, 'moving', 'checkpoint=30'),
    Witness.start(alice, 'staying', 'checkpoint=0:06,mode=snapshot'),
  ]);
  const failing = await alice.submit({
    script: `#!/bin/bash\necho ran\n${waitFor('fail')}\nexit 7\n`,
    comment: 'checkpoint=30',
  });
  await moving.savedAndHeld();
  await moving.nextOn('');
  await moving.job.restored(1);
  await staying.checkpointed(1);
  await failing.says('ran');
  await keepsState();
  await Promise.all([moving.finish(), staying.finish()]);
  await alice.touch('fail');
  await failing.ended();
  await comesBackWithOlderState();
  // So that they tell now which jobs they have; else they are asked in some minutes.
  await sleep(BELIEVED_MS);
  await Promise.all(WORKERS.map(startDaemon));
  for (const job of [moving.job, staying.job, failing]) {
    await job.isBack();
    await job.says(
      'The job had come to its end, which a slurmctld that was started since may have forgotten',
    );
  }
  expect(await moving.finish()).toMatchObject({ restarts: 2 });
  expect(await staying.finish()).toMatchObject({ restarts: 1 });
  expect(await failing.ended()).toMatchObject({ state: 'FAILED', exitCode: '7:0', restarts: 1 });
  expect(await failing.ownOutput()).toBe('ran\n');
});

test('a job whose requeue a slurmctld with an older state has forgotten is requeued all the same', async ({
  alice,
}) => {
  allowComplaints(/not responding|down|forgotten/);
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  await keepsState();
  const node = await witness.node();
  const script = `/job0*${witness.job.name}/slurm_script`;
  await witness.willStrike('b3sum', '', 'wait');
  await alice.run('scontrol', 'requeue', witness.job.name);
  await witness.struck('b3sum');
  await comesBackWithOlderState(async () => {
    await witness.letsGo('b3sum');
    await witness.checkpointed(1);
    // Nothing of it is left but Slurm's own process, which tries to tell the controller.
    await until(async () => (await tryOn(node, ['pgrep', '--full', script])).status !== 0);
  });
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a job that a slurmctld with an older state starts once more does not run twice at a time', async ({
  alice,
}) => {
  allowComplaints(/not responding|down|may still be alive|Kill task failed/);
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06,mode=snapshot', {
    options: ['--hold', '--nodelist=n1'],
    before: 'rm -f appended.txt',
  });
  const { job } = witness;
  await keepsState();
  await alice.run('scontrol', 'release', job.name);
  await witness.checkpointed(1);
  // It is not to be told that its job should not be running.
  await signalDaemon('n1', 'slurmd', 'STOP');
  try {
    await comesBackWithOlderState();
    await on('ctl', 'scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=n2');
    await alice.run('scontrol', 'release', job.name);
    await job.says('The earlier run of this job on n1 may still be alive');
    await job.says('A newer run of this job has taken over: this one ends');
    await job.says(/Checkpoints of an earlier job .* are put aside .*it starts from the beginning/);
    await witness.counts();
  } finally {
    await signalDaemon('n1', 'slurmd', 'CONT');
  }
  await witness.checkpointed(2);
  expect(await witness.finish()).toMatchObject({ restarts: 0 });
  expect(await witness.stays()).toEqual(['n1', 'n2']);
  await removePutAside(alice, job);
});

import { readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { outside } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { removeUndelivered, undeliveredOf } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

allowComplaints(
  /job \d+(?: is held|: Checkpoint \d+ cannot be restored|: criu was ended by SIGKILL|: results not delivered .*SIGKILL)/,
);

const MODES = ['requeue', 'snapshot'] as const;

test('without its agent a job runs on to its end, and its output says so', async ({ alice }) => {
  const witness = await Witness.start(alice, 'first', 'checkpoint=30');
  await witness.counts();
  await witness.kills('agent');
  await witness.job.says('The agent of this job has ended: the job runs on without checkpoints');
  await witness.counts();
  await witness.finish();
});

test('without its agent a restored job runs on to its end, too', async ({ alice }) => {
  const witness = await Witness.start(alice, 'restored', 'checkpoint=0:06');
  await witness.job.restored(1);
  await witness.kills('agent');
  await witness.job.says('The agent of this job has ended: the job runs on without checkpoints');
  await witness.counts();
  await witness.finish();
});

for (const mode of MODES) {
  test(`an agent that is killed while it saves a job in mode ${mode} does not take it along`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, mode, `checkpoint=0:05,mode=${mode}`, {
      megabytes: 30,
    });
    // criu waits, with the tree frozen, until that is done.
    await witness.willStrike('tar', '--create', 'wait');
    await witness.struck('tar');
    await witness.kills('agent');
    await witness.job.says('The agent of this job has ended: the job runs on without checkpoints');
    await witness.letsGo('tar');
    await witness.job.says('No checkpoint: ');
    await witness.counts();
    await witness.finish();
  });

  for (const { tool, when, how } of [
    { tool: 'criu', when: 'dump', how: 'at once' },
    { tool: 'criu', when: 'dump', how: 'but not its child' },
    { tool: 'criu', when: 'dump', how: 'when all is saved' },
    { tool: 'tar', when: '--create', how: 'at once' },
    { tool: 'b3sum', when: '', how: 'at once' },
  ] as const) {
    test(`${tool} that is killed ${how}, saving a job in mode ${mode}, leaves it running, and it is saved later`, async ({
      alice,
    }) => {
      const witness = await Witness.start(alice, 'job', `checkpoint=0:06,mode=${mode}`, {
        megabytes: 30,
      });
      await witness.willStrike(tool, when, how);
      await witness.struck(tool);
      await witness.job.says(/No checkpoint: |Dump done/);
      await witness.checkpointed(1);
      await witness.counts();
      await witness.finish();
    });
  }

  test(`a job in mode ${mode} whose script fails for what criu has taken along goes on from its checkpoint`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', `checkpoint=0:06,mode=${mode}`);
    await witness.checkpointed(1);
    await witness.willStrike('criu', 'dump', 'when all is saved with reader');
    await witness.job.says('BrokenPipeError');
    await witness.job.says(
      /criu was ended by SIGKILL while .*: the job goes on from its newest checkpoint/,
    );
    await witness.job.restored(mode === 'requeue' ? 2 : 1);
    await witness.counts();
    await witness.finish();
  });

  test(`a job in mode ${mode} that criu takes along when it is killed goes on from its checkpoint`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, mode, `checkpoint=0:06,mode=${mode}`);
    await witness.checkpointed(1);
    await witness.willStrike('criu', 'dump', 'with python3');
    await witness.job.says(
      /criu was ended by SIGKILL while it saved the job, and (?:some of )?the job's processes ended with it: the job goes on from its newest checkpoint\. Requeueing/,
    );
    await witness.job.restored(mode === 'requeue' ? 2 : 1);
    await witness.counts();
    await witness.finish();
  });

  test(`a job in mode ${mode} whose supervisor was killed goes on from its checkpoint when it is requeued`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, mode, `checkpoint=30,mode=${mode}`);
    await witness.counts();
    await alice.run('scontrol', 'requeue', witness.job.name);
    await witness.job.restored(1);
    await witness.counts();
    await witness.kills('supervisor');
    expect(await witness.job.ended()).toMatchObject({ state: 'FAILED' });
    await witness.runsAgain();
    await witness.job.restored(2);
    await witness.counts();
    await witness.finish();
  });
}

for (const { mode, process } of [
  { mode: 'requeue', process: 5 },
  { mode: 'snapshot', process: 1 },
] as const) {
  test(`criu that is killed while its code goes into process ${process} of a job in mode ${mode} may take it along, and it goes on from its checkpoint`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', `checkpoint=0:06,mode=${mode}`);
    await witness.checkpointed(1);
    await witness.willStrike('criu', 'dump', `in process ${process}`);
    await witness.struck('criu');
    await witness.job.says(
      /No checkpoint: |criu was ended by SIGKILL while .*: the job goes on from its newest checkpoint/,
    );
    await witness.checkpointed(2);
    await witness.counts();
    await witness.finish();
  });
}

test('a job that criu takes along before there is a checkpoint is held, and starts anew only when its owner says so', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06', {
    before: 'rm -f appended.txt',
  });
  await witness.willStrike('criu', 'dump', 'with python3');
  await witness.job.says(
    /The job is held: criu was ended by SIGKILL while .*; it has no checkpoint yet\. scontrol release \d+ starts it from the beginning/,
  );
  await witness.held();
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.says('No checkpoint was taken in the earlier runs of this job');
  await witness.job.restored(1);
  await witness.finish();
});

test('a job that loses a process to a criu that is killed goes back to its checkpoint', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06,mode=snapshot', {
    before: 'sleep 1000000 &',
  });
  await witness.checkpointed(1);
  await witness.willStrike('criu', 'dump', 'with sleep');
  await witness.job.says(
    /criu was ended by SIGKILL while .*, and some of the job's processes ended with it: the job goes on from its newest checkpoint\. Requeueing/,
  );
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a job whose restored processes are killed from outside keeps its checkpoints', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'killed', 'checkpoint=30');
  await witness.counts();
  await alice.run('scontrol', 'requeue', witness.job.name);
  await witness.job.restored(1);
  await witness.kills('criu');
  expect(await witness.job.ended()).toMatchObject({ state: 'FAILED' });
  expect(await witness.job.output()).toContain("The job's processes were killed from outside");
  await witness.runsAgain();
  await witness.job.restored(2);
  await witness.finish();
});

for (const { tool, when } of [
  { tool: 'criu', when: 'restore' },
  { tool: 'tar', when: '--extract' },
  { tool: 'b3sum', when: '' },
] as const) {
  test(`${tool} that is killed while it restores a job sends it to another node`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', 'checkpoint=30', { megabytes: 10 });
    await witness.savedAndHeld();
    await alice.run('scontrol', 'update', `jobid=${witness.job.name}`, 'excnodelist=');
    await witness.willStrike(tool, when, 'at once');
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.says(/Checkpoint 1 cannot be restored.*Trying another node \(1 of 3\)/);
    await witness.job.restored(1);
    await witness.counts();
    await witness.finish();
  });
}

test('results are kept where rsync was killed while it delivered them', async ({ alice }) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  await witness.willStrike('rsync', '', 'at once');
  await alice.touch('job/finish');
  expect(await witness.job.ended()).toMatchObject({ state: 'FAILED', exitCode: '74:0' });
  const [last = ''] = (await witness.job.told()).slice(-1);
  expect(last).toMatch(/The results could not be copied .* was ended by SIGKILL.*They are kept in/);
  const kept = await readFile(outside(`${undeliveredOf(alice, witness.job)}/inside.txt`), 'utf8');
  expect(kept).toBe(await witness.job.ownOutput());
  await removeUndelivered(alice, witness.job);
});

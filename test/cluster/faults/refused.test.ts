import { copyFile, readdir, truncate } from 'node:fs/promises';

import { expect } from 'vitest';

import { on, outside, WORKERS } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { completed } from '../../helpers/moved.ts';
import { until } from '../../helpers/queue.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

test('a job that cannot be restored is held also where it may no longer be requeued, and goes on when its cause is mended', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30,keep=1');
  const { job } = witness;
  await witness.savedAndHeld();
  allowComplaints(new RegExp(`job ${job.name}(?:: Checkpoint \\d+ cannot be| is held)`));
  const image = outside(`/home/alice/.checkpointer/${job.name}/1/images/inventory.img`);
  const original = outside(alice.path('inventory.img'));
  await copyFile(image, original);
  await truncate(image, 1);
  await alice.run('scontrol', 'update', `jobid=${job.name}`, 'requeue=0');
  await alice.run('scontrol', 'release', job.name);
  await job.says('The job is held: ');
  await witness.held();
  expect((await job.told()).at(-1)).toMatch(/^The job is held: .* scontrol release \d+ goes on/);
  await copyFile(original, image);
  await alice.run('scontrol', 'release', job.name);
  await job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a job whose user kills all that he can in its restored namespace, which is not its first process, goes on from its checkpoint when it is requeued', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\necho begin\n${waitFor('kill')}\n[ -e finish ] || kill -9 1 2> refused || kill -9 -1\necho end\n`,
    comment: 'checkpoint=0:06',
  });
  allowComplaints(new RegExp(`job ${job.name} ended `));
  await job.restored(1);
  await alice.touch('kill');
  expect(await job.ended()).toMatchObject({ state: 'FAILED' });
  expect((await job.told()).at(-1)).toMatch(
    /^The job's processes were killed from outside\. Its checkpoints stay in .*; scontrol requeue \d+ goes on from the newest$/,
  );
  await alice.touch('finish');
  await job.runsAgain();
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('begin\nend\n');
  expect(await alice.read('refused')).toMatch(/not permitted/);
});

const FORGOTTEN = 300;

test('sweeps that meet in one store clear away together what Slurm no longer knows, without a complaint', async ({
  alice,
}) => {
  const store = await alice.makeFolder(alice.path('store'));
  const make = `cd ${store} && for id in $(seq 900001 ${900_000 + FORGOTTEN}); do mkdir -p $id/1 && echo > $id/1/file; done; touch -d '10 days ago' *`;
  await alice.run('bash', '-c', make);
  expect(await readdir(outside(store))).toHaveLength(FORGOTTEN);
  const jobs = await alice.submitAll(
    {
      script: `#!/bin/bash\n${waitFor('finish')}\n`,
      comment: 'checkpoint=1:00:00',
      environment: { SLURM_CHECKPOINT_DIR: store },
    },
    ['1', '2', '3', '4', '5', '6'],
  );
  await until(async () => (await readdir(outside(store))).every((name) => name.length < 6));
  await alice.touch('finish');
  for (const job of jobs) expect(await job.ended()).toMatchObject(completed);
  const ids = await Promise.all(jobs.map(async (job) => (await job.inQueue())?.id));
  for (const node of WORKERS) {
    const log = await on(node, 'cat', '/var/log/slurm/syslog');
    for (const id of ids) expect(log).not.toContain(`job ${id}: old checkpoints stay`);
  }
});

import { expect, onTestFinished } from 'vitest';

import { on } from '../../helpers/cluster.ts';
import { shimHasStruck } from '../../helpers/shims.ts';
import { configure } from '../../helpers/site.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

const STAGING = '/local/staging';
const FILL = `head -c 200M /dev/zero > ${STAGING}/fill; true`;

test('snapshots go to the staging folder, and straight to the store when that is full', async ({
  alice,
}) => {
  await configure(`staging = ${STAGING}`);
  await on(
    ...(['n1', 'sh', '-c'] as const),
    `mkdir -p ${STAGING} && mount -t tmpfs -o size=80m,mode=711 tmpfs ${STAGING}`,
  );
  onTestFinished(async () => {
    await on('n1', 'sh', '-c', `umount ${STAGING} && rmdir ${STAGING}`);
  });
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:05,mode=snapshot', {
    megabytes: 10,
    options: ['--nodelist=n1'],
  });
  // From there cp takes them on, while the job runs.
  await witness.willStrike('cp', 'staging', 'wait');
  await witness.struck('cp');
  await witness.counts();
  // Not one more goes there.
  await on('n1', 'sh', '-c', FILL);
  await witness.letsGo('cp');
  await witness.checkpointed(1);

  await witness.willStrike('cp', 'staging', 'at once');
  await witness.checkpointed(3);
  expect(await shimHasStruck('cp', witness.job.name)).toBe(false);

  // Full only when the memory has been written there already.
  await witness.willStrike('tar', 'staging', 'wait');
  await on('n1', 'rm', `${STAGING}/fill`);
  await witness.struck('tar');
  await on('n1', 'sh', '-c', FILL);
  await witness.letsGo('tar');
  await witness.job.says(/No checkpoint: .*[Nn]o space left/);
  await witness.counts();
  await witness.checkpointed(4);
  await witness.finish();
});

test('a job that is over a limit of the site runs on, and goes on from the checkpoint that it has', async ({
  alice,
}) => {
  await configure('store_limit = 60M\nkill_wait = 0:01');
  const [small, large] = await Promise.all([
    Witness.start(alice, 'small', 'checkpoint=0:05,mode=snapshot'),
    Witness.start(alice, 'large', 'checkpoint=0:05,mode=snapshot', { megabytes: 80 }),
  ]);
  await large.job.says(/No checkpoint: your checkpoints take .* of the 60.* that this site allows/);
  await large.counts();
  await small.checkpointed(1);
  await alice.run('scontrol', 'requeue', small.job.name);
  await small.job.says('there is no time for a last checkpoint before it kills the job');
  await small.job.restored(1);
  await Promise.all([small.counts(), large.counts()]);
  await Promise.all([small.finish(), large.finish()]);
});

import { chmod } from 'node:fs/promises';

import { on, outside } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

allowComplaints(/job \d+ is held: the checkpoint folder/);

test('with its store full a job runs on, and is saved when there is room', async ({
  alice,
  onTestFinished,
}) => {
  const store = `/local/full-${alice.folder.split('-').at(-1)}`;
  await on('n1', 'sh', '-c', `mkdir ${store} && mount -t tmpfs -o size=8m,mode=777 tmpfs ${store}`);
  onTestFinished(async () => {
    await on('n1', 'sh', '-c', `umount ${store} && rmdir ${store}`);
  });
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:05,mode=snapshot', {
    megabytes: 20,
    environment: { SLURM_CHECKPOINT_DIR: store },
    options: ['--nodelist=n1'],
  });
  await witness.job.says(/No checkpoint: .* free, the checkpoint needs about .*: make room there/);
  await witness.counts();
  // Enough by the look of it, but not when it is written.
  await on('n1', 'sh', '-c', `mount -o remount,size=200m ${store}`);
  await witness.checkpointed(1);
  // What a checkpoint in the making leaves when it fails is taken, too.
  await until(async () => {
    await on('n1', 'sh', '-c', `cat /dev/zero >> ${store}/fill; true`);
    const output = await witness.job.output();
    return /No checkpoint: there is no space left for the checkpoint: make room/.test(output);
  });
  await witness.counts();
  await on('n1', 'rm', `${store}/fill`);
  await witness.checkpointed(2);
  await witness.finish();
});

/** A file system in which what is in this folder may take no more than so many bytes, quota or not. Its node has no devices of its own. */
const WITH_QUOTA = `set -e
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
device=$(losetup --find)
# "(lost)": it has no name here.
device=\${device% *}
[ -b $device ] || mknod $device b 7 \${device#/dev/loop}
truncate -s 300M "$1.img"
mkfs.btrfs --quiet "$1.img"
mkdir "$1"
losetup $device "$1.img"
mount $device "$1"
losetup --detach $device
btrfs quota enable "$1"
chmod 777 "$1"`;

test("with its owner's quota used up a job runs on, and is saved when there is room", async ({
  alice,
  onTestFinished,
}) => {
  const store = `/local/quota-${alice.folder.split('-').at(-1)}`;
  const limit = async (size: string): Promise<unknown> =>
    on('n1', 'sh', '-ec', `btrfs qgroup limit ${size} ${store}; btrfs quota rescan -w ${store}`);
  onTestFinished(async () => {
    await on('n1', 'sh', '-c', `umount ${store}; rm -rf ${store}.img; rmdir ${store}`);
  });
  await on('n1', 'bash', '-c', WITH_QUOTA, '-', store);
  await limit('10M');
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:05,mode=snapshot', {
    megabytes: 20,
    environment: { SLURM_CHECKPOINT_DIR: store },
    options: ['--nodelist=n1'],
  });
  // Of the file system there is more than enough free.
  await witness.job.says(/No checkpoint: the quota of the checkpoint folder is used up/);
  await witness.counts();
  await limit('none');
  await witness.checkpointed(1);
  await witness.finish();
});

test('a store that is away for a moment, just when the processes are restored, is waited for', async ({
  alice,
}) => {
  const store = await alice.makeFolder(alice.path('store'));
  const witness = await Witness.start(alice, 'job', 'checkpoint=30', {
    environment: { SLURM_CHECKPOINT_DIR: store },
  });
  await witness.savedAndHeld();
  await witness.willStrike('criu', 'restore', 'wait');
  await witness.nextOn('');
  await witness.struck('criu');
  await chmod(outside(store), 0);
  await witness.letsGo('criu');
  await witness.job.says(/Not restored yet: its manifest cannot be read \(.*EACCES/);
  await chmod(outside(store), 0o700);
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

test('a job whose store is away runs on; when it is to be restored from it, it is held', async ({
  alice,
}) => {
  const store = await alice.makeFolder(alice.path('store'));
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:15', {
    environment: { SLURM_CHECKPOINT_DIR: store },
  });
  await witness.counts();
  await chmod(outside(store), 0);
  await witness.job.says(/No checkpoint: the checkpoint folder .* cannot be/);
  await witness.counts();
  await chmod(outside(store), 0o700);
  await witness.savedAndHeld();
  await chmod(outside(store), 0);
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.says(/The job is held: the checkpoint folder .* cannot be read .*EACCES/);
  await witness.held();
  await chmod(outside(store), 0o700);
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.restored(1);
  await witness.finish();
});

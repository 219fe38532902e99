import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import { on } from '../helpers/cluster.ts';
import { waitFor } from '../helpers/scripts.ts';
import { test } from '../helpers/test.ts';

const python = (text: string): string => `python3 -c '${text}'`;

/** Each is in the way until the file `clear` is there. */
const OBSTACLES = [
  {
    what: 'a network connection',
    holding: python(`import os, socket, time
s = socket.create_connection(("ctl", 22))
while not os.path.exists("clear"): time.sleep(0.2)`),
    said: /a process of the job has a network connection open: .*/,
  },
  {
    what: 'a connection to a service of the node',
    holding: python(`import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("/dev/log")
while not os.path.exists("clear"): time.sleep(0.2)`),
    said: /a process of the job is connected to a service of this node: .*/,
  },
  {
    what: 'a file open in /tmp',
    holding: `exec 7> /tmp/held-$$; ${waitFor('clear')}; exec 7>&-; rm /tmp/held-$$`,
    said: /has \/tmp\/held-\d+ open, which is not there on another node: use TMPDIR/,
  },
  {
    what: 'a working directory in /tmp',
    holding: `home=$PWD; cd /tmp; until [ -e "$home/clear" ]; do sleep 0.2; done; cd "$home"`,
    said: /works in \/tmp, which is not there on another node: use TMPDIR/,
  },
  {
    what: 'a terminal',
    holding: python(`import os, time
ends = os.openpty()
while not os.path.exists("clear"): time.sleep(0.2)`),
    said: /uses (?:a terminal|the device \/dev\/(?:pts\/)?ptmx).*: /,
  },
  {
    what: 'a watch for files',
    // x86-64: 294 inotify_init1, 254 inotify_add_watch.
    holding: `perl -e 'my ($w, $at) = (syscall(294, 0), "/shared"); syscall 254, $w, $at, 256; select undef, undef, undef, 0.2 until -e "clear"'`,
    said: /watches files \(inotify\): the admin can allow it: dump_capabilities/,
  },
  {
    what: 'a user namespace of its own',
    holding: `unshare --user sh -c '${waitFor('clear')}'`,
    said: /runs in a container \(its own user namespace\): run the program without the container/,
  },
  {
    what: 'a job step',
    holding: `srun --overlap sh -c '${waitFor('clear')}'`,
    said: /\(srun\) runs a job step with srun: start the program without srun/,
  },
] as const;

const held = (holding: string): string =>
  `#!/bin/bash\n${holding}\n${waitFor('finish')}\necho done\n`;

for (const { what, holding, said } of OBSTACLES) {
  test(`with ${what} in the way the job runs on, says why, and is checkpointed when it has gone`, async ({
    alice,
  }) => {
    const job = await alice.submit({ script: held(holding), comment: 'checkpoint=0:10' });
    await job.says(/No checkpoint: |Dump done/);
    await job.says(said);
    await alice.touch('clear');
    await job.restored(1);
    await alice.touch('finish');
    expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
    expect(await job.ownOutput()).toBe('done\n');
    const refusals = (await job.told()).filter((line) => line.startsWith('No checkpoint: '));
    // Others may have been writing for long.
    for (const line of refusals.filter((each) => !each.includes('other jobs of this node'))) {
      expect(line).toMatch(said);
      expect(line).toMatch(/; the job runs on, next try at the next interval$/);
    }
  });
}

test('System V semaphores, which criu would lose without a word, are refused by name', async ({
  bob,
}) => {
  const job = await bob.submit({
    script: held(`made=$(ipcmk -S 1); ${waitFor('clear')}; ipcrm -s "\${made##* }"`),
    comment: 'checkpoint=0:05',
  });
  await job.says(/No checkpoint: there are System V semaphores of this user.*ipcrm/);
  await bob.touch('clear');
  await job.restored(1);
  await bob.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.ownOutput()).toBe('done\n');
});

test('a checkpoint folder that cannot be written costs a checkpoint, not the job', async ({
  alice,
}) => {
  await alice.makeFolder(alice.path('store'));
  const job = await alice.submit({
    script: held(`chmod 500 store/below/*; ${waitFor('clear')}; chmod 700 store/below/*`),
    comment: 'checkpoint=0:05',
    environment: { SLURM_CHECKPOINT_DIR: alice.path('store/below') },
  });
  await job.says(/No checkpoint: the checkpoint folder \S+ cannot be (?:made|written) \(.*EACCES/);
  await alice.touch('clear');
  await job.restored(1);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.ownOutput()).toBe('done\n');
});

test('a job whose requeue is refused is restored in place at once and goes on', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\necho $$\n${python(`import os, time
big = os.urandom(300 << 20)
while not os.path.exists("finish"): time.sleep(0.2)
print(len(big), flush=True)`)}\necho $$\n`,
    comment: 'checkpoint=0:08',
  });
  const mayRequeue = async (yes: 0 | 1): Promise<unknown> =>
    alice.try('scontrol', 'update', `jobid=${job.name}`, `requeue=${yes}`);
  const count = async (text: string): Promise<number> => (await job.output()).split(text).length;
  // Forbidden between the look at the job and the requeue, while so much memory is written.
  for (;;) {
    const dumps = await count('Dumping checkpoint');
    while ((await count('Dumping checkpoint')) === dumps) {
      await job.inQueue();
      await sleep(20);
    }
    await mayRequeue(0);
    await job.says(new RegExp(`(?:Checkpoint restore finished[^]*){${dumps}}`));
    await mayRequeue(1);
    if ((await job.output()).includes('The requeue was refused')) break;
  }
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  const told = await job.told();
  const refusal = told.findIndex((line) => line.startsWith('The requeue was refused'));
  expect(told[refusal]).toMatch(/refused \(.+\): the job is restored here and goes on$/);
  expect(told.slice(refusal + 1).find((line) => !line.startsWith('Restore: '))).toMatch(
    /^Checkpoint restore finished\. .*from node (\S+), on node \1\)$/,
  );
  const [first, bytes, last] = (await job.ownOutput()).split('\n');
  expect(bytes).toBe(String(300 << 20));
  expect(last).toBe(first);
});

test('a job that is suspended over its checkpoint time is moved after it was resumed', async ({
  alice,
}) => {
  const job = await alice.submit({ script: held('true'), comment: 'checkpoint=0:20' });
  await job.says('SLURMD_NODENAME');
  await job.running();
  await on('ctl', 'scontrol', 'suspend', job.name);
  await sleep(21_000);
  expect(await job.output()).not.toContain('Dumping');
  await on('ctl', 'scontrol', 'resume', job.name);
  await job.restored(1);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.ownOutput()).toBe('done\n');
});

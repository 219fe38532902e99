import { chmod, chown, copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';

import { expect } from 'vitest';

import { allowComplaints } from '../../helpers/leftovers.ts';
import { on, outside, tryOn, WORKERS } from '../../helpers/cluster.ts';
import { completed, movedAndCompleted } from '../../helpers/moved.ts';
import { isHeld, until } from '../../helpers/queue.ts';
import { MOVED, numbers, waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';
import { UIDS } from '../../helpers/user.ts';

/** As long as it takes, wherever it is. */
const counting = (count: number): string => `for i in {1..${count}}; do echo $i; sleep 1; done\n`;

test('a comment full of shell is text to everybody', async ({ alice }) => {
  const mark = alice.path('mark');
  const shell = `$(touch ${mark}) \`touch ${mark}\` ';touch ${mark};' "\n touch ${mark} #`;
  const job = await alice.submit({
    script: `#!/bin/bash\n${counting(12)}`,
    comment: `checkpoint=0:05 ${shell} ${'x'.repeat(500)}`,
    options: [`--job-name=$(touch ${mark})`],
  });
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe(numbers(12));
  expect(await readdir(outside(alice.folder))).not.toContain('mark');
});

test("a hostile environment is the script's affair, and nobody else's", async ({ alice }) => {
  const evil = await alice.write('bin/criu', `#!/bin/sh\nid >> ${alice.path('mark')}\n`, 0o755);
  for (const name of ['node', 'tini', 'setpriv', 'sh', 'tar', 'rsync', 'env', 'cat', 'scontrol']) {
    await copyFile(outside(evil), outside(alice.path(`bin/${name}`)));
    await chmod(outside(alice.path(`bin/${name}`)), 0o755);
  }
  await alice.write('evil.cjs', `require('fs').writeFileSync('${alice.path('mark')}', 'node')`);
  await alice.write('env.sh', `touch ${alice.path('mark')}`);
  const job = await alice.submit({
    script: `#!/bin/bash -p\nPATH=/usr/bin:/bin\n${counting(10)}${MOVED}\n`,
    comment: 'checkpoint=0:05',
    environment: {
      NODE_OPTIONS: `--require=${alice.path('evil.cjs')}`,
      LD_LIBRARY_PATH: alice.folder,
      ENV: alice.path('env.sh'),
      IFS: 'abc/',
      PS4: `$(touch ${alice.path('mark')})`,
      CRIU_CONFIG_FILE: alice.path('evil.conf'),
      CRIU_LIBS_DIR: alice.folder,
      CHECKPOINTER_RUN: alice.folder,
      PATH: `${alice.path('bin')}:/usr/bin:/bin`,
    },
  });
  await movedAndCompleted(job);
  expect(await job.ownOutput()).toBe(numbers(10));
  expect(await readdir(outside(alice.folder))).not.toContain('mark');
});

test("bob gets nowhere in what is alice's", async ({ alice, bob }) => {
  const job = await alice.submit({
    script: `#!/bin/bash\necho secret > $TMPDIR/secret\necho ready\n${waitFor('finish')}\n`,
    comment: 'checkpoint=30',
  });
  await job.says('ready');
  await alice.run('scontrol', 'requeue', job.name);
  await job.restored(1);
  const { nodes } = await job.running();
  const run = `/run/slurm-checkpointer/${job.name}`;
  const attempts = [
    ['ls', run],
    ['cat', `${run}/record.json`],
    ['ls', `${run}/user`],
    ['sh', '-c', `echo restored > ${run}/resumed`],
    [
      'perl',
      '-MSocket',
      '-e',
      `socket my $s, AF_UNIX, SOCK_STREAM, 0; connect $s, pack_sockaddr_un('${run}/agent.sock') or exit 1`,
    ],
    ['ls', '/var/tmp/slurm-checkpointer'],
    ['cat', `/var/tmp/slurm-checkpointer/${job.name}/secret`],
    ['ls', `/home/alice/.checkpointer/${job.name}/1/images`],
    ['sh', '-c', `echo go > ${run}/verdict`],
  ];
  for (const attempt of attempts) {
    const { status } = await bob.tryOn(nodes as 'n1', ...attempt);
    expect(`${attempt.join(' ')}: ${status === 0 ? 'succeeds' : 'fails'}`).toBe(
      `${attempt.join(' ')}: fails`,
    );
  }
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
});

test('a restored tree has no capability, the bounds that it had, and nothing of ours open', async ({
  alice,
}) => {
  // No pipeline: the shell would show its own ends of it.
  const look = [
    `grep -h -E '^(Cap|NoNewPrivs|Groups)' /proc/$$/task/*/status > now`,
    'ls -l /proc/$$/fd > open',
    `sed -n 's/.* \\([0-9]* -> .*\\)/\\1/p' open >> now`,
  ].join('; ');
  const job = await alice.submit({
    script: `#!/bin/bash\nlook() { ${look}; }\nlook; mv now before\n${waitFor('go')}\nlook; mv now after\n`,
    comment: 'checkpoint=0:05',
  });
  await job.restored(2);
  await alice.touch('go');
  expect(await job.ended()).toMatchObject(completed);
  const after = await alice.read('after');
  expect(after).toBe(await alice.read('before'));
  expect(after).toMatch(/CapPrm:\t0{16}\nCapEff:\t0{16}/);
});

test('root deletes and changes nothing outside, whatever a user swaps under the Epilog', async ({
  alice,
}) => {
  const victim = `/shared/victim-${randomBytes(3).toString('hex')}`;
  await mkdir(outside(victim), { mode: 0o755 });
  await writeFile(outside(`${victim}/precious`), 'root\n', { mode: 0o600 });
  const before = await on('n1', 'stat', '-c', '%U %a %n', victim, `${victim}/precious`);
  const result = await alice.makeFolder(alice.path('result'));
  await symlink(victim, outside(`${result}/to-victim`));
  const job = await alice.submit({
    script: `#!/bin/bash
run=/run/slurm-checkpointer/$SLURM_JOB_ID/user
for place in $run $TMPDIR; do
  mkdir $place/d; echo x > $place/d/precious; ln -s ${victim} $place/link; ln -s ${victim}/precious $place/precious
done
ln -sf ${victim}/precious $run/frozen; ln -sf ${victim}/precious $run/preparation
echo $SLURM_JOB_ID > id; echo ready
${waitFor('finish')}
`,
    comment: `checkpoint=1:00:00,results=${result}`,
    options: ['--nodelist=n1'],
  });
  await job.says('ready\n');
  // Another process of hers on the node: it outlives the job, and swaps a folder for a link all the time.
  const swapping = alice.tryOn(
    'n1',
    'timeout',
    '25',
    'perl',
    '-e',
    `chdir '/run/slurm-checkpointer/${job.name}/user' or die; open my $d, '<', '.'; while (1) { mkdir 'd'; open my $f, '>', 'd/precious'; close $f; rename 'd', 'e'; symlink '${victim}', 'd'; unlink 'd'; unlink 'e/precious'; rmdir 'e'; last unless -e '/run/slurm-checkpointer/${job.name}' }`,
  );
  await job.cancel();
  await job.ended();
  await swapping;
  expect(await on('n1', 'stat', '-c', '%U %a %n', victim, `${victim}/precious`)).toBe(before);
  expect(await readdir(outside(victim))).toEqual(['precious']);
  await rm(outside(victim), { recursive: true });
  // What the swapping kept from being removed: the user's own.
  await tryOn('n1', ['rm', '-rf', `/run/slurm-checkpointer/${job.name}`]);
});

test('a doorbell that its user floods, and holds open, keeps no node busy', async ({
  alice,
  bob,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\necho ready\n${waitFor('finish')}\n`,
    options: ['--nodelist=n2', '--nodes=1'],
  });
  await job.says('ready\n');
  // A job without options: its bell has been answered. Those of the next ones are caught while their Prologs have just made them.
  const victims = await Promise.all(
    [1, 2, 3].map(async () =>
      alice.submit({ script: '#!/bin/sh\ntrue\n', options: ['--nodelist=n2', '--hold'] }),
    ),
  );
  const bells = victims.map(({ name }) => `/run/slurm-checkpointer/${name}.bell`);
  const flood = alice.tryOn(
    'n2',
    'timeout',
    '30',
    'perl',
    '-MFcntl',
    '-e',
    `$| = 1; my %held; while (1) { for my $bell (@ARGV) { next if $held{$bell}; sysopen my $f, $bell, O_RDWR|O_NONBLOCK or next; $held{$bell} = $f; syswrite $f, 'x' x 65536; print "$bell\n"; } select undef, undef, undef, 0.002 }`,
    ...bells,
  );
  for (const { name } of victims) await alice.run('scontrol', 'release', name);
  const other = await bob.submit({
    script: `#!/bin/bash\n${counting(12)}`,
    comment: 'checkpoint=0:05',
  });
  expect(await other.ended()).toMatchObject(completed);
  await alice.touch('finish');
  for (const each of [job, ...victims]) await each.ended();
  expect((await flood).stdout.trimEnd().split('\n').toSorted()).toEqual(bells.toSorted());
  for (const node of WORKERS) {
    // Other tests' jobs come and go there.
    await until(async () =>
      /idle|mixed|allocated/.test(await on('ctl', 'sinfo', '-h', '-n', node, '-o', '%T')),
    );
  }
});

test('a set-uid program in the tree is refused by its name, and the job runs on', async ({
  alice,
}) => {
  const program = `/shared/suid-${randomBytes(3).toString('hex')}`;
  await on('ctl', 'cp', '/usr/bin/sleep', program);
  await on('ctl', 'chmod', '4755', program);
  const job = await alice.submit({
    script: `#!/bin/bash\n${program} 1000 &\n${counting(3)}${MOVED}\nkill $!\n`,
    comment: 'checkpoint=0:04',
  });
  await job.says(/No checkpoint: .* runs with another user's rights: wait until it has ended/);
  await job.release();
  const ended = await job.ended();
  await rm(outside(program));
  expect(ended).toMatchObject({ ...completed, restarts: 0 });
  expect(await job.ownOutput()).toBe(numbers(3));
});

test("a store that is another user's is not read", async ({ alice, bob }) => {
  const store = await alice.makeFolder(alice.path('store'));
  await chmod(outside(store), 0o1777);
  const job = await bob.submit({
    script: `#!/bin/bash\n${counting(30)}`,
    comment: 'checkpoint=30',
    environment: { SLURM_CHECKPOINT_DIR: store },
  });
  // For the admin to see, too.
  allowComplaints(new RegExp(`job ${job.name} is held`));
  await job.says('1\n');
  await job.savedAndHeld();
  const folder = outside(`${store}/${job.name}`);
  await chown(folder, UIDS.alice, UIDS.alice);
  await chmod(folder, 0o777);
  await bob.run('scontrol', 'release', job.name);
  await job.says('The job is held: ');
  await job.is(isHeld);
  await job.cancel();
  expect((await job.told()).join('\n')).toMatch(/belongs to somebody else/);
});

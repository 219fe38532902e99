import { randomBytes } from 'node:crypto';
import { readdir, rename, symlink } from 'node:fs/promises';

import { expect, type TestContext } from 'vitest';

import { on, outside } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { completed } from '../../helpers/moved.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { removeStore, removeUndelivered } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';

const NODE = 'n1';
const SCRATCH = '/var/tmp/slurm-checkpointer';

/** A folder of somebody's, with a file, that nobody else may change; and what it looks like from outside. */
async function preciousOf(owner: string, onTestFinished: TestContext['onTestFinished']) {
  const folder = `/shared/precious-${randomBytes(3).toString('hex')}`;
  const make = `mkdir -m 755 ${folder} && echo precious > ${folder}/file && chown -R ${owner} ${folder}`;
  await on(NODE, 'sh', '-c', make);
  onTestFinished(async () => {
    await on(NODE, 'rm', '-rf', folder);
  });
  const look = async (): Promise<string> =>
    on(NODE, 'sh', '-c', `cd ${folder} && stat -c '%n %U %a %s %h %y' . * && cat file`);
  return { folder, look, before: await look() };
}

test("what an earlier job of the same number left in scratch stays another user's", async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\nls -A $TMPDIR\nstat -c %U:%a $TMPDIR\n${waitFor('finish')}\n`,
    comment: 'checkpoint=1:00:00',
    options: ['--hold', `--nodelist=${NODE}`],
  });
  const folder = `${SCRATCH}/${job.name}`;
  const make = `mkdir -m 755 ${folder} && echo secret > ${folder}/file && chown -R bob ${folder}`;
  await on(NODE, 'sh', '-c', make);
  await alice.run('scontrol', 'release', job.name);
  await job.says('alice:');
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('alice:700\n');
  const left = `${folder}.left-*`;
  const put = await on(NODE, 'sh', '-c', `stat -c %U:%a ${left} ${left}/file; cat ${left}/file`);
  expect(put).toBe('bob:755\nbob:644\nsecret\n');
  const said = await on(NODE, 'cat', '/var/log/slurm/syslog');
  expect(said).toContain(`${folder} was another user's, of an earlier job of the same number`);
  await on(NODE, 'sh', '-c', `rm -r ${left}`);
});

test("another user's file that is hard-linked into scratch and run folder is read, changed and given away by nobody", async ({
  alice,
  onTestFinished,
}) => {
  const results = await alice.makeFolder(alice.path('results'));
  const job = await alice.submit({
    script: `#!/bin/bash\necho mine > $TMPDIR/mine\necho begin\n${waitFor('finish')}\n`,
    comment: `checkpoint=0:25,results=${results}`,
    options: [`--nodelist=${NODE}`],
  });
  await job.says('begin');
  allowComplaints(new RegExp(`job ${job.name}: results not delivered`));
  const inScratch = `/var/tmp/bobs-${job.name}`;
  const inRun = `/run/bobs-${job.name}`;
  onTestFinished(async () => {
    await on(NODE, 'rm', '-f', inScratch, inRun);
  });
  // As alice herself could, where the kernel does not forbid it (fs.protected_hardlinks).
  const plant = `umask 077; for file in ${inScratch} ${inRun}; do echo secret > $file; chown bob $file; done
ln ${inScratch} ${SCRATCH}/${job.name}/linked && ln ${inRun} /run/slurm-checkpointer/${job.name}/user/linked`;
  await on(NODE, 'sh', '-c', plant);
  await job.says('No checkpoint: ');
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '74:0' });
  expect((await job.told()).join('\n')).toMatch(/The results could not be copied to/);
  const look = `for file in ${inScratch} ${inRun}; do stat -c %U:%a $file; cat $file; done`;
  expect(await on(NODE, 'sh', '-c', look)).toBe('bob:600\nsecret\nbob:600\nsecret\n');
  expect(await readdir(outside(results))).toEqual(['mine']);
  await removeUndelivered(alice, job);
  await on(NODE, 'rm', '-rf', `${SCRATCH}/${job.name}`);
});

const OWNERS = ['bob', 'root'] as const;

test.for(OWNERS)(
  'results are not delivered through a link into a folder of %s',
  async (owner, { alice, onTestFinished }) => {
    const precious = await preciousOf(owner, onTestFinished);
    const link = alice.path('results');
    await symlink(precious.folder, outside(link));
    const job = await alice.submit({
      script: '#!/bin/bash\necho mine > $TMPDIR/mine\necho mine > $TMPDIR/file\n',
      comment: `results=${link}`,
    });
    allowComplaints(new RegExp(`job ${job.name}: results not delivered`));
    expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '74:0' });
    expect((await job.told()).join('\n')).toMatch(/results could not be copied.*They are kept in/);
    expect(await precious.look()).toBe(precious.before);
    await removeUndelivered(alice, job);
  },
);

/** A script that ends its own supervisor: then root's Epilog delivers what there is. */
const ORPHANED = `#!/bin/bash
echo mine > $TMPDIR/mine; echo mine > $TMPDIR/file
echo ready
${waitFor('go')}
parent=$$
until tr '\\0' ' ' < /proc/$parent/cmdline | grep -q lib/supervisor.js; do parent=$(sed -n 's/^PPid:\\t//p' /proc/$parent/status); done
kill -9 $parent
sleep 600
`;

test.for(OWNERS)(
  "the Epilog delivers nothing through a link into a folder of %s that is put in the result folder's place",
  async (owner, { alice, onTestFinished }) => {
    const precious = await preciousOf(owner, onTestFinished);
    const results = await alice.makeFolder(alice.path('results'));
    const job = await alice.submit({
      script: ORPHANED,
      comment: `results=${results}`,
      options: [`--nodelist=${NODE}`],
    });
    allowComplaints(new RegExp(`job ${job.name}: results could not be copied`));
    await job.says('ready');
    await rename(outside(results), outside(alice.path('before')));
    await symlink(precious.folder, outside(results));
    await alice.touch('go');
    expect(await job.ended()).toMatchObject({ state: 'FAILED' });
    expect(await precious.look()).toBe(precious.before);
    const kept = `${SCRATCH}/${job.name}`;
    expect(await on(NODE, 'sh', '-c', `cd ${kept} && stat -c '%n %U' *`)).toBe(
      'file alice\nmine alice\n',
    );
    await on(NODE, 'rm', '-rf', kept);
  },
);

test.for(OWNERS)(
  'a link into a folder of %s that stands where a job keeps its checkpoints is not followed',
  async (owner, { alice, onTestFinished }) => {
    const precious = await preciousOf(owner, onTestFinished);
    const store = await alice.makeFolder(alice.path('store'));
    const job = await alice.submit({
      script: `#!/bin/bash\necho begin\n${waitFor('finish')}\necho end\n`,
      comment: 'checkpoint=0:05',
      environment: { SLURM_CHECKPOINT_DIR: store },
      options: ['--hold'],
    });
    await symlink(precious.folder, outside(`${store}/${job.name}`));
    await alice.run('scontrol', 'release', job.name);
    await job.says(/No checkpoint: .*/);
    await alice.touch('finish');
    expect(await job.ended()).toMatchObject({ ...completed, restarts: 0 });
    expect(await job.ownOutput()).toBe('begin\nend\n');
    expect((await job.told()).join('\n')).toMatch(
      /belongs to somebody else|others may write in it/,
    );
    expect(await precious.look()).toBe(precious.before);
  },
);

test("links in a checkpoint lead nobody to what is another user's", async ({
  alice,
  onTestFinished,
}) => {
  const precious = await preciousOf('root', onTestFinished);
  const job = await alice.submit({
    script: `#!/bin/bash\necho inside > $TMPDIR/file\necho begin\n${waitFor('finish')}\n`,
    comment: 'checkpoint=30,keep=1',
  });
  await job.says('begin');
  await job.savedAndHeld();
  allowComplaints(new RegExp(`job ${job.name}(?: is held|: Checkpoint \\d+ cannot be restored)`));
  const checkpoint = outside(`/home/alice/.checkpointer/${job.name}/1`);
  // Her own log, which criu writes at the restore, and the next draft.
  for (const name of ['images/restore.log.1', '../2.1.partial']) {
    await symlink(`${precious.folder}/file`, `${checkpoint}/${name}`);
  }
  await alice.run('scontrol', 'release', job.name);
  await job.says(/Checkpoint 1 cannot be restored|Checkpoint restore finished|The job is held/);
  expect(await precious.look()).toBe(precious.before);
  await job.cancel();
  await job.ended();
  await removeStore(alice, job);
});

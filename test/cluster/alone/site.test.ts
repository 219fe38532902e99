import { readdir, readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { on, outside, WORKERS } from '../../helpers/cluster.ts';
import { killPart } from '../../helpers/kill.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { armShim, letGo } from '../../helpers/shims.ts';
import { configure, configureSlurm, nodeStates } from '../../helpers/site.ts';
import { removeStore } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

const SYSLOGS = WORKERS.map((node) => outside('/var/log/slurm/syslog', node));

async function syslogs(): Promise<string[]> {
  return Promise.all(SYSLOGS.map(async (file) => readFile(file, 'latin1')));
}

for (const [line, complaint] of [
  ['intervall = 30', 'there is no key "intervall"'],
  ['interval = soon', 'interval = "soon" must be a time'],
] as const) {
  test(`with "${line}" in the site's configuration jobs run unprotected, and syslog says why`, async ({
    alice,
  }) => {
    await configure(line);
    allowComplaints(/checkpointer\.ini|runs without checkpoints/);
    const before = await syslogs();
    const job = await alice.submit({
      script: '#!/bin/bash\necho ran\nexit 3\n',
      comment: 'checkpoint=0:05',
    });
    expect(await job.ended()).toEqual({ state: 'FAILED', exitCode: '3:0', restarts: 0 });
    expect(await job.ownOutput()).toBe('ran\n');
    expect(await job.told()).toEqual([
      expect.stringMatching(/^The job runs without checkpoints: .*; ask the admin/),
    ]);
    const said = (await syslogs()).map((text, at) => text.slice(before[at]?.length)).join('');
    expect(said).toContain(complaint);
    expect(said).toContain('jobs on this node run unprotected');
    // Jobs that ask for nothing hear nothing.
    const other = await alice.submit({ script: '#!/bin/bash\necho ran\n' });
    expect(await other.ended()).toMatchObject({ state: 'COMPLETED' });
    expect(await other.output()).toBe('ran\n');
  });
}

test('a requeued job that its node cannot protect is held, and goes on when that is mended', async ({
  alice,
}) => {
  allowComplaints(/checkpointer\.ini|TaskProlog failed/);
  const witness = await Witness.start(alice, 'job', 'checkpoint=30');
  await witness.counts();
  const mend = await configure('intervall = 30');
  await alice.run('scontrol', 'requeue', witness.job.name);
  await witness.job.says('The job is held, for it must not start from the beginning again: ');
  await witness.held();
  await mend();
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.restored(1);
  await witness.finish();
});

test('with PrologFlags=RunInJob jobs run unprotected, and their output says why', async ({
  alice,
}) => {
  allowComplaints(/RunInJob|runs without checkpoints/);
  await configureSlurm('PrologFlags=Contain,RunInJob');
  const job = await alice.submit({ script: '#!/bin/bash\necho ran\n', comment: 'checkpoint=30' });
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.ownOutput()).toBe('ran\n');
  expect(await job.told()).toEqual([
    expect.stringMatching(
      /^The job runs without checkpoints: PrologFlags .* RunInJob.*take it out/,
    ),
  ]);
});

test('results whose delivery takes longer than PrologEpilogTimeout are delivered, and nothing stays on the node', async ({
  alice,
}) => {
  allowComplaints(/epilog|Epilog|drain|its script having ended/);
  await configureSlurm('PrologEpilogTimeout=8');
  const folder = await alice.makeFolder(alice.path('results'));
  const job = await alice.submit({
    script: '#!/bin/bash\necho result > $TMPDIR/file\necho begin\nsleep 1000\n',
    comment: `results=${folder},checkpoint=30`,
    options: ['--nodelist=n1'],
  });
  await job.says('begin');
  await armShim('rsync', job.name, '', 'wait');
  expect(await killPart('supervisor', job.name, 'n1')).toBe(true);
  // Slurm has killed the Epilog, whose rsync waits.
  await until(async () => /^n1 drained$/m.test(await nodeStates()));
  await on('ctl', 'scontrol', 'update', 'nodename=n1', 'state=resume');
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '0:9' });
  expect(await readdir(outside(folder))).toEqual([]);
  await letGo('rsync', job.name);
  await until(async () => (await readdir(outside(folder))).includes('file'));
  expect(await alice.read('results/file')).toBe('result\n');
  for (const root of ['/run/slurm-checkpointer', '/var/tmp/slurm-checkpointer']) {
    await until(async () => !(await on('n1', 'ls', '-A', root)).includes(job.name));
  }
  await removeStore(alice, job);
});

test('a changed configuration leaves the jobs that run as they are, an empty TMPDIR too', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\n${waitFor('look')}\nls -d $TMPDIR/.\n${waitFor('go')}\n`,
    comment: 'checkpoint=30',
    options: ['--nodelist=n1'],
  });
  await job.says('SLURMD_NODENAME');
  await configure('keep = 3');
  const next = await alice.submit({ script: '#!/bin/bash\n', options: ['--nodelist=n1'] });
  expect(await next.ended()).toMatchObject({ state: 'COMPLETED' });
  await alice.touch('look');
  await job.says('slurm-checkpointer/');
  await alice.touch('go');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
});

import { expect } from 'vitest';

import { cluster, on } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness } from '../../helpers/witness.ts';

test('jobs that make room for a more urgent one are saved and go on', async ({ alice, bob }) => {
  const options = ['--nodelist=n1'];
  const witnesses = await Promise.all([
    Witness.start(alice, 'snapshot', 'checkpoint=30,mode=snapshot', { options }),
    Witness.start(alice, 'requeue', 'checkpoint=30', { options }),
    Witness.start(alice, 'warned', 'checkpoint=30', {
      options: [...options, '--signal=B:USR1@30'],
      before: "trap '' USR1",
    }),
  ]);
  const tasks = await alice.submitAll(
    {
      script: `#!/bin/bash
for ((i = 1; ; i++)); do echo $i; [ ! -e finish-tasks ] || break; sleep 0.2; done
`,
      comment: 'checkpoint=30',
      options,
    },
    ['1', '2'],
  );
  await Promise.all(witnesses.map(async (witness) => witness.counts()));
  await Promise.all(tasks.map(async (task) => task.says('3\n')));
  const urgent = await bob.submit({
    script: '#!/bin/bash\nsleep 3\n',
    options: ['--partition=urgent', '--exclusive', '--nodelist=n1'],
  });
  await Promise.all(
    [...tasks, ...witnesses.map(({ job }) => job)].map(async (job) => {
      await job.is(({ state, restarts }) => state === 'PENDING' && restarts === 1);
      await alice.run('scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=');
      await job.restored(1);
    }),
  );
  expect(await urgent.ended()).toMatchObject({ state: 'COMPLETED' });
  // At its end Slurm requeues such a job once more (docs/notes/slurm.md): it ends again, from its checkpoint.
  await Promise.all(witnesses.map(async (witness) => witness.finish()));
  await alice.touch('finish-tasks');
  for (const task of tasks) {
    expect(await task.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
    const lines = (await task.ownOutput()).trimEnd().split('\n');
    expect(lines).toEqual(lines.map((_, line) => `${line + 1}`));
  }
});

/** Waits until both have left a node: one by its next checkpoint, the other when it is sent on. */
async function leave(alice: User, moving: Witness, staying: Witness, times: number): Promise<void> {
  await moving.waitsToRunAgain(times);
  // One that stays is sent on by whoever wants the node.
  await alice.run('scontrol', 'requeue', staying.job.name);
  await staying.waitsToRunAgain(times);
  for (const witness of [moving, staying]) await witness.nextOn('');
  for (const witness of [moving, staying]) await witness.job.restored(times);
}

test('jobs leave a node that is to be rebooted or is drained with their next checkpoint', async ({
  alice,
}) => {
  allowComplaints(/drain|DRAIN|maintenance|reboot|REBOOT|RebootProgram/);
  const options = ['--nodelist=n1'];
  const [moving, staying] = await Promise.all([
    Witness.start(alice, 'moving', 'checkpoint=0:25', { options }),
    Witness.start(alice, 'staying', 'checkpoint=0:06,mode=snapshot', { options }),
  ]);
  await Promise.all([moving.counts(), staying.counts()]);
  const reboot = ['reboot', 'ASAP', 'nextstate=RESUME', 'reason=maintenance', 'n1'];
  await on('ctl', 'scontrol', ...reboot);
  await leave(alice, moving, staying, 1);
  expect([await moving.node(), await staying.node()]).toEqual(['n2', 'n2']);
  await cluster('off', 'n1');
  await cluster('on', 'n1');
  await until(async () =>
    /^n1 +idle *$/m.test(await on('ctl', 'sinfo', '-h', '-N', '-p', 'main', '-o', '%N %t')),
  );
  await on('ctl', 'scontrol', 'update', 'nodename=n2', 'state=drain', 'reason=maintenance');
  try {
    await leave(alice, moving, staying, 2);
    expect([await moving.node(), await staying.node()]).toEqual(['n1', 'n1']);
  } finally {
    await on('ctl', 'scontrol', 'update', 'nodename=n2', 'state=resume');
  }
  await Promise.all([moving.finish(), staying.finish()]);
});

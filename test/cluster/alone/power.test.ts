import { expect } from 'vitest';

import { cluster, on } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { hasEnded, until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness, type Worker } from '../../helpers/witness.ts';

// A node that comes back has not forgotten its jobs, and runs no Prolog for them: lib/supervisor/without-prolog.ts.
allowComplaints(/power cut|not responding|is held|may still be alive|down|TaskProlog failed/);

const SCRATCH = '/var/tmp/slurm-checkpointer';

/** Whether a name in the scratch folder is a job's, or of no job. */
const isOf =
  ({ job }: Witness) =>
  (name: string): boolean =>
    name === '' || name === job.name || name === `.${job.name}.boot`;

const OPTIONS = { options: ['--nodelist=n1'] };

const allUp = async (): Promise<boolean> =>
  /^2$/m.test(await on('ctl', 'sh', '-c', 'sinfo -h -N -p main -t idle,mix,alloc,comp | wc -l'));

/** Cuts the power of a node, and waits until its jobs run on the other one, or have come to their ends there. */
async function cutPower(user: User, node: Worker, jobs: readonly Witness[]): Promise<void> {
  const other = node === 'n1' ? 'n2' : 'n1';
  await cluster('off', node);
  await on('ctl', 'scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=power cut');
  await until(async () => {
    for (const { job } of jobs) {
      await user.try('scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=', 'excnodelist=');
    }
    const states = await Promise.all(jobs.map(async ({ job }) => job.inQueue()));
    return states.every(
      (now) => now && (hasEnded(now) || (now.nodes === other && now.state === 'RUNNING')),
    );
  });
}

async function backOn(node: Worker): Promise<void> {
  await cluster('on', node);
  await until(allUp);
}

test('a power cut loses nothing, whatever moment of its life a job is in', async ({ alice }) => {
  const start = async (name: string, comment: string, more = {}): Promise<Witness> =>
    Witness.start(alice, name, comment, { ...OPTIONS, ...more });
  const witnesses = await Promise.all([
    // Has no checkpoint yet, and begins anew.
    start('young', 'checkpoint=30', { before: 'rm -f appended.txt' }),
    start('large', 'checkpoint=0:06,mode=snapshot', { megabytes: 150 }),
    start('restoring', 'checkpoint=30'),
    start('delivering', 'checkpoint=0:06,mode=snapshot'),
    start('committed', 'checkpoint=0:08', { megabytes: 20 }),
  ]);
  const [young, large, restoring, delivering, committed] = witnesses;
  await committed.willStrike('scontrol', 'requeue', 'wait');
  await Promise.all(witnesses.map(async (witness) => witness.counts()));
  await Promise.all([
    large.checkpointed(1),
    (async () => {
      await restoring.savedAndHeld();
      await restoring.willStrike('criu', 'restore', 'wait');
      await restoring.nextOn('n1');
      await restoring.struck('criu');
    })(),
    (async () => {
      await delivering.checkpointed(1);
      await delivering.willStrike('rsync', '', 'wait');
      await alice.touch('delivering/finish');
      await delivering.struck('rsync');
    })(),
    committed.struck('scontrol'),
  ]);
  // These hold both places of the node's writers: the last.
  const [frozen, copying] = await Promise.all([
    start('frozen', 'checkpoint=0:06,mode=snapshot'),
    start('copying', 'checkpoint=0:06,mode=snapshot'),
  ]);
  await Promise.all([frozen.checkpointed(1), copying.checkpointed(1)]);
  await Promise.all([
    frozen.willStrike('tar', '--create', 'wait'),
    copying.willStrike('b3sum', '', 'wait'),
  ]);
  await Promise.all([frozen.struck('tar'), copying.struck('b3sum')]);
  const all = [young, large, restoring, committed, frozen, copying];

  await cutPower(alice, 'n1', [...all, delivering]);
  await Promise.all(all.map(async (witness) => witness.counts()));
  await young.job.says('No checkpoint was taken in the earlier runs of this job');
  await Promise.all(
    [large, restoring, committed, frozen, copying].map(async ({ job }) =>
      job.says('restore finished'),
    ),
  );
  await delivering.finish();
  await backOn('n1');

  await Promise.all([large, frozen].map(async (witness) => witness.checkpointed(2)));
  await cutPower(alice, 'n2', all);
  await Promise.all(all.map(async (witness) => witness.counts()));
  await backOn('n2');
  const ended = await Promise.all(all.map(async (witness) => witness.finish()));
  // What jobs had on a node goes with the first job after its power cut; if that is over too soon, with the second.
  const brief = await alice.submit({
    script: '#!/bin/bash\n',
    comment: 'checkpoint=30',
    options: ['--nodelist=n2'],
  });
  await brief.ended();
  const next = await start('next', 'checkpoint=30', { options: ['--nodelist=n2'] });
  await until(async () => (await on('n2', 'ls', '-A', SCRATCH)).split('\n').every(isOf(next)));
  await next.counts();
  await next.finish();
  expect(ended.every(({ restarts }) => restarts > 0)).toBe(true);
});

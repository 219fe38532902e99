import { expect } from 'vitest';

import { cluster, on, startDaemon, tryOn } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

const bothUp = async (): Promise<boolean> =>
  /^2$/m.test(await on('ctl', 'sh', '-c', 'sinfo -h -N -p main -t idle,mix,alloc | wc -l'));

/** What these jobs have on the node that is cut off, under whatever name. */
async function leftOf(witnesses: readonly Witness[]): Promise<string> {
  const names = witnesses.map(({ job }) => job.name).join('\\|');
  return on(
    ...(['n1', 'sh', '-c'] as const),
    `ls -A /run/slurm-checkpointer /var/tmp/slurm-checkpointer | grep '^\\.\\?\\(${names}\\)\\b' || true`,
  );
}

test('a job never runs twice at a time when its node is cut off and lives on', async ({
  alice,
}) => {
  // A slurmd that has not heard of a run's end runs no Prolog for the next one there: lib/supervisor/without-prolog.ts.
  allowComplaints(
    /not responding|down|node n1 state set to DRAIN|Kill task failed|may still be alive|TaskProlog failed/,
  );
  const start = async (name: string, comment: string, more = {}): Promise<Witness> =>
    Witness.start(alice, name, comment, { options: ['--nodelist=n1'], ...more });
  const witnesses = await Promise.all([
    start('snapshot', 'checkpoint=0:06,mode=snapshot'),
    // Has no checkpoint yet, and begins anew.
    start('requeue', 'checkpoint=30', { before: 'rm -f appended.txt' }),
    start('large', 'checkpoint=0:06,mode=snapshot', { megabytes: 50 }),
    start('asking', 'checkpoint=0:30', { before: 'rm -f appended.txt' }),
    start('leaving', 'checkpoint=0:30'),
  ]);
  const [snapshot, , large, asking, leaving] = witnesses;
  const ending = await start('ending', 'checkpoint=0:06,mode=snapshot');
  // Is due, and asks the controller, when the network is cut.
  await asking.counts();
  await asking.willStrike('scontrol', 'show', 'wait');
  // Has been told that it is requeued.
  await leaving.willStrike('scontrol', 'requeue', 'in vain');
  await Promise.all([
    ...[snapshot, large, ending].map(async (witness) => witness.checkpointed(1)),
    asking.struck('scontrol'),
    leaving.struck('scontrol'),
  ]);
  await cluster('unplug', 'n1');
  try {
    // Of its end nobody hears.
    await alice.touch('ending/finish');
    await ending.job.says('Final result copied');
    await on('ctl', 'scontrol', 'update', 'nodename=n1', 'state=down', 'reason=cut off');
    // They are not to move by themselves any more: as long as the network is cut, there is nowhere to go.
    for (const witness of [asking, leaving]) await witness.nextWith('checkpoint=30');
    await until(async () => {
      for (const { job } of [...witnesses, ending]) {
        await alice.try('scontrol', 'update', `jobid=${job.name}`, 'reqnodelist=');
      }
      const jobs = await Promise.all(witnesses.map(async ({ job }) => job.inQueue()));
      return jobs.every((job) => job?.state === 'RUNNING' && job.nodes === 'n2');
    });
    await ending.finish();
    const others = witnesses.filter((each) => each !== asking);
    for (const witness of others) {
      await witness.job.says('may still be alive: waiting until it has stopped');
      await witness.job.says('A newer run of this job has taken over: this one ends');
      await witness.counts();
    }
    // Nobody tells the old node that its runs are over.
    await until(async () => (await leftOf(others)) === '');
    // No job is to come there before it is known which ones have left it.
    await on('ctl', 'scontrol', 'update', 'nodename=n1', 'state=drain', 'reason=cut off');
    await cluster('plug', 'n1');
    await asking.letsGo('scontrol');
    await asking.job.says('A newer run of this job has taken over: this one ends');
  } finally {
    await cluster('plug', 'n1');
    // Nobody has told slurmd, either: it would refuse jobs that it believes to run. So would a new one that has seen their steps, which stay
    // until they have told of their ends (docs/notes/slurm.md).
    const names = [...witnesses, ending].map(({ job }) => job.name).join('|');
    const steps = `^slurmstepd: \\[(${names})\\.`;
    try {
      await until(async () => (await tryOn('n1', ['pgrep', '-f', steps])).status !== 0);
    } finally {
      await startDaemon('n1');
      await on('ctl', 'scontrol', 'update', 'nodename=n1', 'state=resume');
    }
  }
  await until(bothUp);
  for (const witness of witnesses) {
    await witness.counts();
    expect((await witness.stays()).slice(0, 2)).toEqual(['n1', 'n2']);
  }
  // Back to where its older run was cut off.
  await alice.run('scontrol', 'requeue', snapshot.job.name);
  await snapshot.job.restored(2);
  expect(await snapshot.node()).toBe('n1');
  await snapshot.counts();
  // The first that takes part there removes what a run has left whose end nobody has heard of.
  await until(async () => (await leftOf([ending])) === '');
  await Promise.all(witnesses.map(async (witness) => witness.finish()));
  for (const witness of witnesses) {
    const stays = await witness.stays();
    expect(stays.length, stays.join(' ')).toBeLessThanOrEqual(3);
  }
});

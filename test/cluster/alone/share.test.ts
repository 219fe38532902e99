import { readdir } from 'node:fs/promises';

import { expect, onTestFinished } from 'vitest';

import { outside, tryOn, WORKERS } from '../../helpers/cluster.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

/** alice's share hangs on every node: whoever asks it for something waits. What serves it is a process. */
async function signalShare(signal: 'STOP' | 'CONT'): Promise<void> {
  for (const node of WORKERS) await tryOn(node, ['pkill', `-${signal}`, '-f', '^sshfs .* alice@']);
}

test('while the share with the checkpoints hangs jobs run on or wait, and nothing is lost when it answers again', async ({
  alice,
}) => {
  const store = await alice.makeFolder(`/net/${alice.folder.split('/').at(-1)}`);
  const start = async (name: string, comment: string): Promise<Witness> =>
    Witness.start(alice, name, comment, {
      environment: { SLURM_CHECKPOINT_DIR: store },
      options: ['--nodelist=n1'],
    });
  const [staying, ending, leaving] = await Promise.all([
    start('staying', 'checkpoint=0:15,mode=snapshot'),
    start('ending', 'checkpoint=30,mode=snapshot'),
    start('leaving', 'checkpoint=30'),
  ]);
  await Promise.all([leaving.savedAndHeld(), ending.counts()]);
  onTestFinished(async () => signalShare('CONT'));
  // Between two of its checkpoints.
  await staying.job.saysAgain('Dump done');
  await signalShare('STOP');
  await alice.touch('ending/finish');
  await alice.run('scontrol', 'update', `jobid=${leaving.job.name}`, 'reqnodelist=');
  await alice.run('scontrol', 'release', leaving.job.name);
  await leaving.job.says(/Waiting for the checkpoint folder .*: 10 s/);
  await staying.job.says(/(?:Waiting for the checkpoint folder .*|Dump|Making .* durable): 1\d s/);
  await signalShare('CONT');
  expect(await ending.job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  await ending.looksRight();
  await leaving.job.restored(1);
  for (const witness of [staying, leaving]) {
    await witness.counts();
    await witness.finish();
  }
  expect((await readdir(outside(store))).toSorted()).toEqual(
    [ending, staying, leaving].map(({ job }) => `${job.name}.over`).toSorted(),
  );
});

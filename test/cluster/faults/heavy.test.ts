import { expect } from 'vitest';

import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

test('checkpoints that are due before the last has ended come one after the other', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:01,mode=snapshot', {
    megabytes: 50,
  });
  await witness.checkpointed(3);
  await alice.run('scontrol', 'requeue', witness.job.name);
  await witness.job.restored(1);
  await witness.checkpointed(5);
  await witness.finish();
});

for (const mode of ['requeue', 'snapshot']) {
  test(`a job in mode ${mode} that forks as fast as it can is saved or runs on`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', `checkpoint=0:06,mode=${mode}`, {
      before: '(until [ -e finish ]; do /bin/true; (:); done) &',
    });
    await witness.job.says(/Dump done|No checkpoint/);
    await witness.counts();
    if (mode === 'requeue') await witness.job.restored(1);
    await witness.finish();
  });
}

test('a tree of 300 processes moves', async ({ alice }) => {
  await alice.write(
    'many.py',
    `import os, time
for i in range(300):
    if os.fork() == 0:
        while not os.path.exists('finish'): time.sleep(2)
        os._exit(i % 7)
time.sleep(1)
print(sum(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(300)), flush=True)
`,
  );
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:15', {
    before: `python3 ${alice.path('many.py')} > many.txt &`,
  });
  await witness.job.restored(1);
  await witness.finish();
  expect(['', '897\n']).toContain(await alice.read('job/many.txt'));
});

test('a process of 2 GiB moves', async ({ alice }) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:30', {
    megabytes: 2048,
    options: ['--mem=5G'],
  });
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

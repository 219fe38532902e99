import { readdir, readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import type { Manifest } from '../../lib/store/manifest.ts';
import { chooseInterval } from '../../lib/supervisor/schedule.ts';
import { describeSeconds } from '../../lib/time.ts';
import { outside } from '../helpers/cluster.ts';
import type { Job } from '../helpers/job.ts';
import { completed, movedAndCompleted } from '../helpers/moved.ts';
import { until } from '../helpers/queue.ts';
import { counting, MOVED, numbers, waitFor } from '../helpers/scripts.ts';
import { storeOf } from '../helpers/store.ts';
import { test } from '../helpers/test.ts';
import { Witness } from '../helpers/witness.ts';

test('working directory, output, open file and images can all be on a share where root has no access', async ({
  alice,
}) => {
  const folder = await alice.makeFolder(`/net/${alice.folder.split('/').at(-1)}`);
  await alice.write(
    'appends.py',
    `import os, time
log = open('log.txt', 'a+')
for i in range(1, 16):
    log.write('%d\\n' % i)
    log.flush()
    print(i, flush=True)
    time.sleep(1)
    while i == 13 and not os.path.exists('moved'): time.sleep(0.2)
log.seek(0)
print('sum', sum(map(int, log)))
`,
  );
  const job = await alice.submit({
    script: `#!/bin/bash\npython3 ${alice.path('appends.py')}\n`,
    comment: 'checkpoint=0:05',
    environment: { SLURM_CHECKPOINT_DIR: `${folder}/store` },
    folder,
  });
  await job.restored(1);
  expect(await readdir(outside(`${folder}/store`))).toContain(job.name);
  await movedAndCompleted(job);
  expect(await job.ownOutput()).toBe(`${numbers(15)}sum 120\n`);
  expect(await readdir(outside(`${folder}/store`))).toEqual([`${job.name}.over`]);
});

test('an unfinished line of output is continued where it was', async ({ alice }) => {
  const job = await alice.submit({
    script: `#!/bin/bash\nfor i in {1..15}; do printf "%s " $i; sleep 1; done\n${MOVED}\necho end\n`,
    comment: 'checkpoint=0:04',
  });
  await movedAndCompleted(job);
  expect(await job.ownOutput()).toBe(`${numbers(15).replaceAll('\n', ' ')}end\n`);
});

test('the output of a job that wants it emptied at each start is not lost', async ({ alice }) => {
  const job = await alice.submit({
    script: counting(15, 'printf "no line break"'),
    comment: 'checkpoint=0:05',
    options: ['--open-mode=truncate'],
  });
  await movedAndCompleted(job);
  expect(await job.ownOutput()).toBe(`${numbers(15)}no line break`);
});

test('stdin from a file is read on from where it was', async ({ alice }) => {
  await alice.write('input.txt', numbers(15));
  const job = await alice.submit({
    script: `#!/bin/bash
while read -r line; do
  echo "$line"
  sleep 1
  [ "$line" != 13 ] || ${MOVED}
done
`,
    comment: 'checkpoint=0:05',
    options: ['--input=input.txt'],
  });
  await movedAndCompleted(job);
  expect(await job.ownOutput()).toBe(numbers(15));
});

test('keep=3 keeps the newest three checkpoints, and none when the job has ended', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\n${waitFor('finish')}\n`,
    comment: 'checkpoint=0:03,keep=3',
  });
  await job.restored(5);
  const kept = await until(async () => {
    const numbered = await storeOf(alice, job);
    return numbered.length === 3 && numbered;
  });
  expect(kept[0]).toBeGreaterThanOrEqual(3);
  expect(kept.at(-1)).toBe((kept[0] ?? 0) + 2);
  await job.movedAround();
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await storeOf(alice, job)).toEqual([]);
});

test('of an array of four, each checkpoint requeues its own task only', async ({ alice }) => {
  // The first ends before it could be checkpointed: nobody else's requeue may hit it.
  await alice.touch('go-1');
  const tasks = await alice.submitAll(
    {
      script: `#!/bin/bash\necho begin\n${waitFor('go-$SLURM_ARRAY_TASK_ID')}\necho end\n`,
      comment: 'checkpoint=0:06',
    },
    ['1', '2', '3', '4'],
  );
  await Promise.all(
    tasks.map(async (task, index) => {
      await task.restored(index);
      await alice.touch(`go-${index + 1}`);
      const ended = await task.ended();
      expect(ended).toMatchObject(completed);
      expect(await task.ownOutput()).toBe('begin\nend\n');
      const requeued = (await task.told()).filter((line) => line.startsWith('Requeueing'));
      expect(requeued).toEqual(Array.from(requeued, () => `Requeueing ... ${task.name}`));
      expect(requeued).toHaveLength(ended.restarts);
      if (index === 0) expect(ended.restarts).toBe(0);
    }),
  );
});

test('two users are moved at the same time, each with their own checkpoints', async ({
  alice,
  bob,
}) => {
  const submission = { script: counting(15, 'id -un'), comment: 'checkpoint=0:05' };
  const jobs = await Promise.all([alice.submit(submission), bob.submit(submission)]);
  await Promise.all(
    [alice, bob].map(async (user, index) => {
      const job = jobs[index] as Job;
      await movedAndCompleted(job);
      expect(await job.ownOutput()).toBe(`${numbers(15)}${user.name}\n`);
    }),
  );
});

test('checkpoint=auto takes one soon, chooses its interval from what that cost, and says why', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=auto,mode=snapshot');
  await witness.checkpointed(1);
  const { cost } = JSON.parse(
    await readFile(
      outside(`/home/alice/.checkpointer/${witness.job.name}/1/manifest.json`),
      'utf8',
    ),
  ) as Manifest;
  const interval = chooseInterval(cost.frozenMs / 1000, {
    min: 6,
    max: 4 * 3600,
    meanTimeBetweenFailures: 30 * 86_400,
  });
  const seconds = (cost.frozenMs / 1000).toFixed(1);
  await witness.job.says(
    `Checkpoint interval: ${describeSeconds(interval)}, for a checkpoint costs ${seconds} s and nodes here fail every 30 d`,
  );
  await witness.counts();
  await witness.finish();
});

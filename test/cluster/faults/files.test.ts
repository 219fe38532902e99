import { expect } from 'vitest';

import type { Job } from '../../helpers/job.ts';
import { killPart } from '../../helpers/kill.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { removeStore, storeOf } from '../../helpers/store.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness, type Worker } from '../../helpers/witness.ts';

allowComplaints(/job \d+(?: is held|: Checkpoint \d+ cannot be restored)/);

for (const [what, harm, said] of [
  ['has become shorter', 'truncate --size=-3', 'has become shorter since the checkpoint'],
  ['was replaced', 'sed -i s/1/7/', 'is not the file any more that it was at the checkpoint'],
  ['is gone', 'rm', 'cannot be reached'],
] as const) {
  test(`a job that writes a file that ${what} is held, told its name, and goes on when that is put back`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', 'checkpoint=30,mode=snapshot');
    const file = alice.path('job/fresh.txt');
    await witness.counts();
    await alice.run('scontrol', 'requeuehold', witness.job.name);
    await witness.held();
    await alice.run('cp', file, `${file}.kept`);
    await alice.run(...harm.split(' '), file);
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.says(`The job is held: Checkpoint 1 cannot be restored on n`);
    expect(await witness.job.output()).toMatch(new RegExp(`${file}, which the job .* ${said}`));
    await witness.held();
    await alice.run('cp', `${file}.kept`, file);
    await witness.nextOn('');
    await witness.job.restored(1);
    await witness.counts();
    await witness.finish();
  });
}

test('a job that its owner cancels just before it would be held stays cancelled, and its checkpoint stays', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06,mode=snapshot');
  const { job } = witness;
  await witness.checkpointed(1);
  await witness.kills('supervisor');
  await job.ended();
  const kept = await storeOf(alice, job);
  await alice.run('truncate', '--size=0', alice.path('job/fresh.txt'));
  await job.runsAgain();
  await job.says('may still be alive');
  await job.cancel();
  await job.says('It was cancelled before that, and is not held');
  expect(await job.ended()).toMatchObject({ state: 'CANCELLED', restarts: 1 });
  expect(await storeOf(alice, job)).toEqual(kept);
  await removeStore(alice, job);
});

test('what a job has written to its files since its checkpoint is written once, though its node dies', async ({
  alice,
}) => {
  const witness = await Witness.start(alice, 'job', 'checkpoint=0:06,mode=snapshot');
  await witness.checkpointed(1);
  await witness.counts();
  // As if the node had died: nobody saves anything any more.
  await witness.kills('supervisor');
  await witness.job.ended();
  await witness.runsAgain();
  await witness.job.restored(1);
  await witness.counts();
  await witness.finish();
});

/** Changes the beginning of its file all the time; and only once more when it has stood still, as when it was saved. */
const IN_THE_MIDDLE = `import os, sys, time
file = os.open('state', os.O_RDWR | os.O_CREAT)
os.write(file, b'0' * 200000)
number, before = 0, time.monotonic()
while True:
    number += 1
    os.pwrite(file, b'%d' % number, 0)
    now = time.monotonic()
    stoodStill, before = now - before > 0.1, now
    if os.path.exists(sys.argv[1] + '/1'): break
    if stoodStill and os.path.exists(sys.argv[1] + '/1.0.partial/images/pages-1.img'): break
os.pwrite(file, b'%d' % (number + 1), 0)
print('changed once more', flush=True)
while True: time.sleep(1)
`;

test('a file that a job changes in its middle, right after it was saved, is not taken for unchanged where files have their time in whole seconds', async ({
  alice,
}) => {
  const folder = await alice.makeFolder(`/net/${alice.folder.split('/').at(-1)}`);
  const job = await alice.submit({
    script: `#!/bin/bash\nexec python3 ${await alice.write('change.py', IN_THE_MIDDLE)} ~/.checkpointer/$SLURM_JOB_ID\n`,
    comment: 'checkpoint=0:20,mode=snapshot',
    options: [`--chdir=${folder}`],
  });
  await job.says('changed once more');
  await job.says('Dump done');
  const { nodes } = await job.running();
  await until(async () => killPart('supervisor', job.name, nodes as Worker));
  await job.ended();
  await job.runsAgain();
  await job.says(/The job is held: .*\/state, which the job reads and writes, has changed since/);
  await job.cancel();
  await job.ended();
  await removeStore(alice, job);
});

/** Writes numbers to a file that others write, too. */
const TOGETHER = `#!/bin/bash
exec 7>> together.txt
me=\${SLURM_ARRAY_TASK_ID:-0}
for ((i = 1; ; i++)); do echo $i; echo $me $i >&7; [ ! -e finish-$me ] || break; sleep 0.1; done
`;

/** What somebody has written there, in his order. */
const linesOf = (who: string, text: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${who} `));

const counted = (who: string, lines: readonly string[]): string[] =>
  lines.map((_, index) => `${who} ${index + 1}`);

/** Two tasks that write to the same file, when each has a checkpoint, and the first has ended as if its node had died. */
async function oneIsCutShort(alice: User): Promise<[Job, Job]> {
  const [first, second] = (await alice.submitAll(
    { script: TOGETHER, comment: 'checkpoint=0:06,mode=snapshot' },
    ['1', '2'],
  )) as [Job, Job];
  for (const task of [first, second]) await task.says('Dump done');
  const { id, nodes } = await first.running();
  await until(async () => killPart('supervisor', id, nodes as Worker));
  await first.ended();
  return [first, second];
}

test('what others append to the same files stays where it is while a job moves', async ({
  alice,
}) => {
  const job = await alice.submit({ script: TOGETHER, comment: 'checkpoint=0:06' });
  await job.is(({ state, restarts }) => state === 'PENDING' && restarts === 1);
  const add = async (number: number): Promise<unknown> =>
    alice.run('sh', '-c', `echo other ${number} >> ${alice.path('together.txt')}`);
  await add(1);
  await job.is(({ state, restarts }) => state === 'PENDING' && restarts === 2);
  await add(2);
  await alice.touch('finish-0');
  await job.ended();
  const text = await alice.read('together.txt');
  expect(linesOf('other', text)).toEqual(['other 1', 'other 2']);
  expect(linesOf('0', text)).toEqual(counted('0', linesOf('0', text)));
  expect((await job.ownOutput()).split('\n').length - 1).toBe(linesOf('0', text).length);
});

test('what a job that is over by then has written is kept when it is cut off with the lines of one that goes back', async ({
  alice,
}) => {
  const [first, second] = await oneIsCutShort(alice);
  await alice.touch('finish-2');
  await second.ended();
  const all = linesOf('2', await alice.read('together.txt'));
  await first.runsAgain();
  await first.restored(1);
  const [, folder = ''] = /What was cut off is in (\S+) for 7 d/.exec(await first.output()) ?? [];
  const kept = await alice.run('cat', `${folder}/1.together.txt`);
  await alice.touch('finish-1');
  await first.ended();
  const after = await alice.read('together.txt');
  expect(linesOf('1', after)).toEqual(counted('1', linesOf('1', after)));
  expect([...linesOf('2', after), ...linesOf('2', kept)]).toEqual(all);
});

test('a job whose file another job has written since its snapshot is held before anything of it is cut off', async ({
  alice,
}) => {
  const [first, second] = await oneIsCutShort(alice);
  await first.runsAgain();
  await first.says(
    /The job is held: .*together\.txt, which the job appends to, is written by job \d+, too/,
  );
  await alice.touch('finish-2');
  await second.ended();
  const before = await alice.read('together.txt');
  expect(linesOf('2', before)).toEqual(counted('2', linesOf('2', before)));
  // What its owner is told to do.
  const [, size = ''] = /its first (\d+) bytes/.exec(await first.output()) ?? [];
  await alice.run('cp', alice.path('together.txt'), alice.path('kept.txt'));
  await alice.run('truncate', `--size=${size}`, alice.path('together.txt'));
  await alice.run('scontrol', 'release', first.name);
  await first.restored(1);
  await alice.touch('finish-1');
  await first.ended();
  const after = await alice.read('together.txt');
  expect(linesOf('1', after)).toEqual(counted('1', linesOf('1', after)));
});

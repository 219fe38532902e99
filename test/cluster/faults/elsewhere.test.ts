import { chmod, readFile, rm, writeFile } from 'node:fs/promises';

import { expect, type TestContext } from 'vitest';

import { on, outside, tryOn, WORKERS } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness, type Worker } from '../../helpers/witness.ts';

allowComplaints(/job \d+(?: is held|: Checkpoint \d+ cannot be restored)/);

const FILE = '/local/elsewhere';

const other = (node: Worker): Worker => (node === 'n1' ? 'n2' : 'n1');

type Finally = TestContext['onTestFinished'];

/** A file of a node's own disk, until the test is over. */
async function put(file: string, node: Worker, onTestFinished: Finally): Promise<void> {
  await writeFile(outside(file, node), 'here\n');
  await chmod(outside(file, node), 0o644);
  onTestFinished(async () => rm(outside(file, node), { force: true }));
}

/** The job has a file of its node's own disk open, which is gone when it is to go on. */
async function bound(alice: User, file: string, onTestFinished: Finally): Promise<Witness> {
  await Promise.all(WORKERS.map(async (node) => put(file, node, onTestFinished)));
  const witness = await Witness.start(alice, 'job', 'checkpoint=30', {
    before: `exec 7< ${file}`,
  });
  await witness.savedAndHeld();
  await Promise.all(WORKERS.map(async (node) => rm(outside(file, node))));
  return witness;
}

/** Lets the job run on any node, which refuses it. Returns which, as soon as it has: the other one has its turn some seconds later. */
async function refused(witness: Witness, why: string): Promise<Worker> {
  const { job } = witness;
  await witness.nextOn('');
  const said = await job.says(new RegExp(`${why}.*Trying another node \\(1 of 3\\)`));
  return new RegExp(`on (n.): ${why}`).exec(said)?.[1] as Worker;
}

test('a job that one node cannot restore is sent to another', async ({ alice, onTestFinished }) => {
  const witness = await bound(alice, FILE, onTestFinished);
  const first = await refused(witness, `${FILE} is not there on this node`);
  await put(FILE, other(first), onTestFinished);
  await witness.job.restored(1);
  expect((await witness.job.nodes()).slice(1, 3)).toEqual([first, other(first)]);
  await witness.counts();
  await witness.finish();
});

test('a job that asks for the node that cannot restore it is held, and told how to let it go elsewhere', async ({
  alice,
  onTestFinished,
}) => {
  const file = '/local/required';
  const witness = await bound(alice, file, onTestFinished);
  await witness.nextOn('n2');
  await witness.job.says(
    new RegExp(`There is no other node for it: it asks for --nodelist=n2 \\(any node: (.*)\\)`),
  );
  await witness.job.says(new RegExp(`The job is held: .*on n2: ${file} is not there`));
  await witness.held();
  await put(file, 'n1', onTestFinished);
  const [, remedy = ''] = /any node: (.*)\)/.exec(await witness.job.output()) ?? [];
  await alice.run(...remedy.split(' '), 'excnodelist=n2');
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.restored(1);
  await witness.finish();
});

test('a job that no node can restore is held, and goes on when that is mended', async ({
  alice,
  onTestFinished,
}) => {
  const file = '/local/nowhere';
  const witness = await bound(alice, file, onTestFinished);
  await refused(witness, `${file} is not there on this node`);
  await witness.job.says(
    new RegExp(`The job is held: Checkpoint 1 cannot be restored on n.: ${file} is not there`),
  );
  await witness.held();
  await put(file, 'n2', onTestFinished);
  await alice.run('scontrol', 'update', `jobid=${witness.job.name}`, 'excnodelist=n1');
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.restored(1);
  await witness.finish();
});

for (const [what, facts, said] of [
  ['processor', { cpuFlags: 'fpu flux' }, 'its processor lacks flux'],
  ['kernel', { kernel: '99.1' }, 'its kernel .* is older than 99.1'],
  ['criu', { criu: '99.1' }, 'its criu .* is older than 99.1'],
] as const) {
  test(`a job that needs a newer ${what} than any node has is held, and told so`, async ({
    alice,
  }) => {
    const witness = await Witness.start(alice, 'job', 'checkpoint=30');
    await witness.savedAndHeld();
    const file = outside(`/home/alice/.checkpointer/${witness.job.name}/1/manifest.json`);
    const manifest = await readFile(file, 'utf8');
    // In place: it stays alice's.
    await writeFile(file, JSON.stringify({ ...JSON.parse(manifest), ...facts }));
    await witness.nextOn('');
    await witness.job.says(new RegExp(`on n.: ${said}.*Trying another node \\(1 of 3\\)`));
    await witness.job.says(new RegExp(`The job is held: Checkpoint 1 cannot .*: ${said}`));
    await witness.held();
    await writeFile(file, manifest);
    await witness.nextOn('');
    await witness.job.restored(1);
    await witness.finish();
  });
}

test('a job one of whose libraries is another one on a node goes where it is the same', async ({
  alice,
  onTestFinished,
}) => {
  const library = '/local/library.so';
  const install = async (node: Worker, name: string): Promise<unknown> =>
    on(node, 'sh', '-c', `cp --remove-destination /usr/lib/*/${name} ${library}`);
  onTestFinished(async () => {
    await Promise.all(WORKERS.map(async (node) => on(node, 'rm', '-f', library)));
  });
  await Promise.all(WORKERS.map(async (node) => install(node, 'libm.so.6')));
  await alice.write(
    'wait.py',
    `import os, time
while not os.path.exists('finish'): time.sleep(0.1)
`,
  );
  const witness = await Witness.start(alice, 'job', 'checkpoint=30', {
    before: `LD_PRELOAD=${library} python3 ${alice.path('wait.py')} &`,
  });
  await witness.savedAndHeld();
  await Promise.all(WORKERS.map(async (node) => install(node, 'libz.so.1')));
  const first = await refused(witness, `${library} `);
  await install(other(first), 'libm.so.6');
  await witness.job.restored(1);
  expect((await witness.job.nodes()).slice(1, 3)).toEqual([first, other(first)]);
  await witness.finish();
});

/** Takes the job's port on a node. Returns what gives it back. */
function occupy(node: Worker, onTestFinished: Finally): () => Promise<void> {
  const occupant = on(
    node,
    'python3',
    '-c',
    `import os, socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 7411)); s.listen()
open('/tmp/occupied', 'w').write('')
while os.path.exists('/tmp/occupied'): time.sleep(0.1)`,
  );
  const leave = async (): Promise<void> => {
    await on(node, 'rm', '-f', '/tmp/occupied');
    await occupant;
  };
  onTestFinished(leave);
  return leave;
}

test('a job whose network port is taken goes where it is free', async ({
  alice,
  onTestFinished,
}) => {
  await alice.write(
    'listen.py',
    `import os, socket, time
s = socket.socket(); s.bind(('0.0.0.0', 7411)); s.listen()
while not os.path.exists('finish'): time.sleep(0.1)
`,
  );
  const witness = await Witness.start(alice, 'job', 'checkpoint=30', {
    before: `python3 ${alice.path('listen.py')} &`,
  });
  await witness.savedAndHeld();
  const occupants = { n1: occupy('n1', onTestFinished), n2: occupy('n2', onTestFinished) };
  for (const node of WORKERS) {
    await until(async () => (await tryOn(node, ['test', '-e', '/tmp/occupied'])).status === 0);
  }
  const first = await refused(witness, 'a network port that the job listens on is taken');
  await occupants[other(first)]();
  await witness.job.restored(1);
  expect((await witness.job.nodes()).slice(1, 3)).toEqual([first, other(first)]);
  await witness.finish();
});

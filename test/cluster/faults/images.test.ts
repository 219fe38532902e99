import {
  chmod,
  readdir,
  readFile,
  rename,
  stat,
  truncate,
  writeFile,
  open,
} from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'vitest';

import { outside } from '../../helpers/cluster.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';
import { Witness } from '../../helpers/witness.ts';

allowComplaints(/job \d+(?: is held|: Checkpoint \d+ cannot be restored)/);

/** A job that waits, held, with two checkpoints. */
async function withTwoCheckpoints(alice: User): Promise<Witness> {
  const witness = await Witness.start(alice, 'job', 'checkpoint=30', { megabytes: 2 });
  for (const times of [1, 2]) {
    await witness.counts();
    await alice.run('scontrol', 'requeuehold', witness.job.name);
    await witness.checkpointed(times);
    await witness.held();
    if (times === 2) break;
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.restored(times);
  }
  // It may run anywhere from now on: what kept it from its last node was a helper of the tests.
  await alice.run('scontrol', 'update', `jobid=${witness.job.name}`, 'excnodelist=');
  return witness;
}

const folderOf = (witness: Witness, generation: number): string =>
  outside(`/home/alice/.checkpointer/${witness.job.name}/${generation}`);

async function flipBit(file: string): Promise<void> {
  const { size } = await stat(file);
  await using handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, Math.floor(size / 2));
  byte.writeUInt8(byte.readUInt8() ^ 4);
  await handle.write(byte, 0, 1, Math.floor(size / 2));
}

const largest = async (folder: string): Promise<string> => {
  const names = await readdir(folder);
  const sizes = await Promise.all(
    names.map(async (name) => ({ name, size: (await stat(join(folder, name))).size })),
  );
  return join(folder, sizes.toSorted((a, b) => b.size - a.size)[0]?.name ?? '');
};

const DAMAGES: [string, RegExp, (folder: string) => Promise<void>][] = [
  [
    'an image is cut short',
    /images\/pages-1\.img has \d+ bytes instead of/,
    async (folder) => truncate(join(folder, 'images/pages-1.img'), 5000),
  ],
  [
    'a bit of an image is flipped',
    /images\/\S+ has changed/,
    async (folder) => flipBit(await largest(join(folder, 'images'))),
  ],
  [
    'an image is missing',
    /images\/pstree\.img is missing/,
    async (folder) => rename(join(folder, 'images/pstree.img'), join(folder, 'pstree.img')),
  ],
  [
    "TMPDIR's archive is damaged",
    /tmpdir\.changed\.tar has changed/,
    async (folder) => flipBit(join(folder, 'tmpdir.changed.tar')),
  ],
  [
    'the manifest is damaged',
    /its manifest is no JSON/,
    async (folder) => truncate(join(folder, 'manifest.json'), 500),
  ],
  [
    'the manifest is missing',
    /its manifest is missing/,
    async (folder) => rename(join(folder, 'manifest.json'), join(folder, 'no-manifest')),
  ],
];

for (const [what, reason, damage] of DAMAGES) {
  test(`when ${what}, the checkpoint before is restored`, async ({ alice }) => {
    const witness = await withTwoCheckpoints(alice);
    await damage(folderOf(witness, 2));
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.says(/trying the one before[^]*restore finished.*\(checkpoint 1 of/);
    expect(await witness.job.told()).toContainEqual(
      expect.stringMatching(
        new RegExp(`^Checkpoint 2 cannot be restored on n.: it is damaged .*${reason.source}`),
      ),
    );
    await witness.counts();
    await witness.finish();
  });
}

for (const [what, name] of [
  ['its manifest', 'manifest.json'],
  ['an image', 'images/pages-1.img'],
] as const) {
  test(`a job that cannot read ${what} is held, and goes on from that checkpoint, not from an older one, when it can`, async ({
    alice,
  }) => {
    const witness = await withTwoCheckpoints(alice);
    const file = join(folderOf(witness, 2), name);
    await chmod(file, 0);
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.says(
      /Checkpoint 2 cannot be restored on n.: .*Trying another node \(1 of 3\)/,
    );
    await witness.job.says(/The job is held: Checkpoint 2 cannot be restored on n.: .*denied/);
    await witness.held();
    await chmod(file, 0o600);
    await alice.run('scontrol', 'release', witness.job.name);
    await witness.job.says(/Checkpoint restore finished.*\(checkpoint 2 of/);
    await witness.counts();
    await witness.finish();
  });
}

test('a job none of whose checkpoints is sound is held with them, and goes on when they are mended', async ({
  alice,
}) => {
  const witness = await withTwoCheckpoints(alice);
  const images = [1, 2].map((number) => join(folderOf(witness, number), 'images/pages-1.img'));
  for (const image of images) await flipBit(image);
  await alice.run('scontrol', 'release', witness.job.name);
  // First the word: the queue may still show it held as before its release.
  await witness.job.says(
    /The job is held: Checkpoint 1 cannot be restored on n.: it is damaged .*scontrol release \d+ goes on/,
  );
  await witness.held();
  for (const image of images) await flipBit(image);
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.says(/Checkpoint restore finished.*\(checkpoint 2 of/);
  await witness.counts();
  await witness.finish();
});

test('a checkpoint of a newer version is left to a newer version', async ({ alice }) => {
  const witness = await withTwoCheckpoints(alice);
  const manifest = join(folderOf(witness, 2), 'manifest.json');
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, text.replace('"version": 1', '"version": 99'));
  await alice.run('scontrol', 'release', witness.job.name);
  // First the word: the queue may still show it held as before its release.
  await witness.job.says(
    /The job is held: .*it has format 99, which this version of slurm-checkpointer does not know: the admin must update it/,
  );
  await witness.held();
  await writeFile(manifest, text);
  await alice.run('scontrol', 'release', witness.job.name);
  await witness.job.says(/Checkpoint restore finished.*\(checkpoint 2 of/);
  await witness.finish();
});

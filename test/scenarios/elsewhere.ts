// What one node can't restore goes on on another.
import path from 'node:path';
import { expect } from 'vitest';
import type { NodeFacts } from '../../lib/job.ts';
import { readManifest, writeManifest } from '../../lib/store/manifest.ts';
import { COMPUTE_NODES } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';
import { bridged, uprooted } from './uprooted.ts';

scenario('a job that one node cannot restore goes on on another, and may come back to the first', async (place) => {
  const job = await uprooted(place, ['--exclude=n4'], 30);
  await job.says(/Another node is tried \(1 of 3\)/);
  const [, node = ''] = /not restored on (n\d): /.exec(job.said().join('\n')) ?? []; // the same line, or one before
  using _elsewhere = bridged(
    place,
    job,
    COMPUTE_NODES.filter((each) => each !== node),
  );
  await job.until('excludes both', ({ text }) => text.includes(` ExcNodeList=n4,${node} `));
  const restored = await job.says(/restore finished/);
  expect(restored).not.toContain(`restore finished on ${node},`);
  using _here = bridged(place, job, [node]);
  await job.until('excludes what its owner did', ({ text }) => text.includes(' ExcNodeList=n4 '));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(30));
});

/** As if it had been saved on a node with this kernel. */
async function savedUnder(kernel: string, checkpoint: string): Promise<NodeFacts | undefined> {
  const found = await readManifest(checkpoint);
  if (found.kind !== 'found') throw new Error(`${checkpoint}: ${found.kind}`);
  const { nodeFacts } = found.manifest;
  await writeManifest(checkpoint, { ...found.manifest, nodeFacts: { ...nodeFacts!, kernel } });
  return nodeFacts;
}

scenario(
  'a job that has no other node, and was saved under a newer kernel, is held at once, and told both',
  async (place) => {
    const job = await uprooted(place, ['--partition=main', '--nodelist=n2']);
    const facts = await savedUnder('99.1', path.join(place.store(job), '1'));
    const version = expect.stringMatching(/^\d+\.\d/);
    const word = expect.stringMatching(/\w/);
    expect(facts).toEqual({ kernel: version, libc: word, criu: version, cpuFlags: word });
    await job.held();
    const why = `^Checkpoint not restored: this node's kernel .* is older .* .99\\.1.*; and there is no other node .* --nodelist=n2\\. .* held`;
    expect(job.said().at(-1)).toMatch(new RegExp(why));
    expect(job.said().join()).not.toContain('Another node is tried');
    await exec('ctl', ['scancel', String(job.id)]);
  },
);

scenario('a job that no other node is left for is held, and its owner’s exclusions stay', async (place) => {
  const job = await uprooted(place, ['--partition=main', '--exclude=n1']);
  await job.says(/^Checkpoint not restored on n2: .* is missing .* Is there another node .* Requeueing/);
  await job.held();
  await job.says(/^There is no other node for the job: it is held, its checkpoint kept in \S+; once the cause/);
  const { text } = await job.untilHeldOrNot('excludes the same', (record) => / ExcNodeList=n1 /.test(record.text));
  expect(text).toContain(' Reason=JobHeldUser ');
  using _file = bridged(place, job, ['n2']);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(20));
});

scenario('a job whose node Slurm does not exclude says so, and is held after as many tries', async (place) => {
  const job = await uprooted(place, ['--job-name=not-excludable']);
  await job.says(/^Slurm did not exclude n\d \(.+\): the job may come here again\.$/);
  await job.held();
  expect(job.said().at(-1)).toMatch(/\(3 tries\)\. The job is being requeued and held/);
  using _file = bridged(place, job);
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(20));
});

// How much of a checkpoint is compared before a job goes on from it.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from '../scenarios/job.ts';
import { cutShort, flipBit } from './damage.ts';
import { decided } from './decided.ts';
import { onANode } from './scenario.ts';

/** While it waits to go on from that checkpoint. */
async function harmed(job: SubmittedJob, checkpoint: number, harm: () => void): Promise<void> {
  await job.until(`is to go on from ${checkpoint}`, (now) => now.state === 'PENDING' && now.restarts === checkpoint);
  await mustExec('ctl', 'scontrol', 'hold', String(job.id));
  await job.held();
  harm();
  await mustExec('ctl', 'scontrol', 'release', String(job.id));
}

onANode(
  'a site that bounds what is compared before a restore has small files compared, and of large ones their size',
  async (place, { partition, one, other }) => {
    await using _bounded = await decided([one, other], 'verify = 1');
    const job = await place.submit('truncate -s 1G $TMPDIR/large; ./count 60 5', {
      partition,
      comment: 'checkpoint=0:06',
    });
    const inCheckpoint = (number: number, name: string): string => path.join(place.store(job), `${number}/${name}`);
    await harmed(job, 1, () => flipBit(inCheckpoint(1, 'tmpdir/large')));
    await job.says(/restore finished on \w+, checkpoint 1 /);
    await harmed(job, 2, () => {
      const core = readdirSync(inCheckpoint(2, 'images')).find((name) => name.startsWith('core-'))!;
      flipBit(inCheckpoint(2, `images/${core}`));
    });
    await job.says(/^Checkpoint 2 is damaged \(images\/core-.* has changed\)/);
    await harmed(job, 3, () => cutShort(inCheckpoint(3, 'tmpdir/large')));
    await job.says(/^Checkpoint 3 is damaged \(tmpdir\/large has 536870912 bytes instead of 1073741824\)/);
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(60));
  },
);

// How much of a checkpoint is compared before a job goes on from it.
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { outside } from '../cluster/layout.ts';
import { counted, type SubmittedJob } from '../scenarios/job.ts';
import { decided } from './decided.ts';
import { onANode } from './scenario.ts';

const GIBIBYTE = 1024 ** 3;

function writeIn(file: string, at: number, byte: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.of(byte), 0, 1, at);
  closeSync(descriptor);
}

function readIn(file: string, at: number): number {
  const descriptor = openSync(file, 'r');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
  return byte[0]!;
}

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
    const results = place.makeFolder('delivered');
    const comment = `checkpoint=0:06,results=${results}`;
    const job = await place.submit('truncate -s 1G $TMPDIR/large; ./count 60 5', { partition, comment });
    const inCheckpoint = (number: number, name: string): string => path.join(place.store(job), `${number}/${name}`);
    await harmed(job, 1, () => writeIn(inCheckpoint(1, 'tmpdir/large'), 7, 42));
    await job.says(/restore finished on \w+, checkpoint 1 /);
    await harmed(job, 2, () => {
      const core = readdirSync(inCheckpoint(2, 'images')).find((name) => name.startsWith('core-'))!;
      const file = inCheckpoint(2, `images/${core}`);
      const middle = Math.floor(statSync(file).size / 2);
      writeIn(file, middle, readIn(file, middle) ^ 4);
    });
    await job.says(/^Checkpoint 2 is damaged \(images\/core-.* has changed\)/);
    await harmed(job, 3, () => {
      const file = inCheckpoint(3, 'tmpdir/large');
      writeIn(file, GIBIBYTE, 0);
    });
    await job.says(/^Checkpoint 3 is damaged \(tmpdir\/large has 1073741825 bytes instead of 1073741824\)/);
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(60));
    expect(readIn(path.join(outside(results), 'large'), 7)).toBe(42);
  },
);

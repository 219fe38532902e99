// What somebody did, while a job waits, to the files that it writes: it goes on with them as they were, or waits.
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';
import { killAgent } from './nodes.ts';
import { scenario } from './scenario.ts';
import { asAlice, until } from './slurm.ts';
import { beyondSnapshot, isExact, submitWriter } from './writer.ts';

/** As after the loss of its node: what it wrote after its snapshot is there, and it waits. */
async function isCutOff(place: Place, job: SubmittedJob): Promise<void> {
  const node = await beyondSnapshot(job);
  await killAgent(node, job.id);
  await exec('ctl', ['scontrol', 'requeuehold', String(job.id)]);
  await job.held();
  const over = path.join(place.store(job), 'run.0.released'); // until Slurm kills it, it writes on
  await until('its run is over', () => existsSync(over));
}

const released = async (job: SubmittedJob): Promise<unknown> => asAlice('ctl', 'scontrol', 'release', String(job.id));

/** Into what is there: that stays the same file. */
const copy = async (from: string, to: string): Promise<unknown> => execa('cp', ['--preserve=timestamps', from, to]);

/** Refused with these words; and exact once the file is again what it was. */
async function isHeldUntilMended(
  place: Place,
  job: SubmittedJob,
  { name, does, says }: { name: string; does: (file: string) => unknown; says: RegExp },
): Promise<void> {
  const [file, kept] = [outside(place.path(name)), outside(place.path('kept'))];
  await copy(file, kept);
  await does(file);
  await released(job);
  await job.held();
  expect(job.said().at(-1)).toMatch(
    new RegExp(`^Checkpoint not restored: ${place.path(name)}, which the job writes, ${says.source}.* held`),
  );
  expect(place.leftInStore(job)).toContain('1');
  await copy(kept, file);
  await released(job);
}

for (const { what, does, says } of [
  {
    what: 'shorter',
    does: (file: string) => truncateSync(file, 3),
    says: /has become shorter since the checkpoint \(3 bytes instead of \d+\): put it back/,
  },
  {
    what: 'another',
    does: (file: string) => writeFileSync(file, 'another\n'.repeat(100)),
    says: /is another than at the checkpoint, or its first \d+ bytes were changed: put it back/,
  },
])
  scenario(
    `a job that writes a file which is ${what} by the time that it goes on waits until it is mended`,
    async (place) => {
      const job = await submitWriter(place, 40);
      await isCutOff(place, job);
      await isHeldUntilMended(place, job, { name: 'appended', does, says });
      await isExact(place, job, 40);
    },
  );

async function changeMiddle(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  await handle.write('changed', 35 * 1024 * 1024);
}

scenario(
  'a job that has written into the middle of a large file goes on with it as it is, and not with another',
  async (place) => {
    const script = 'truncate --size=70M large; exec 4<> large; echo once >&4; ./count 40 5';
    const job = await place.submit(script, { comment: 'checkpoint=0:04,mode=snapshot' });
    await isCutOff(place, job);
    const says = /was changed since the checkpoint, and was too large to be kept with it: put it back/;
    await isHeldUntilMended(place, job, { name: 'large', does: changeMiddle, says });
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(40));
  },
);

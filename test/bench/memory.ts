// What supervisor and agent hold for themselves while they wait: in a first run, and after a restore.
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../cluster/node.ts';
import type { SubmittedJob } from '../scenarios/job.ts';
import type { Place } from '../scenarios/place.ts';
import { cancel, printed } from './lab.ts';
import { amount, type Row } from './table.ts';

const SETTLED_MS = 6000;
const AIM = 16;

export async function benchMemory(place: Place): Promise<Row[]> {
  const job = await place.submit('echo runs\nsleep 600', { comment: 'checkpoint=0:20' });
  await printed(job, /^runs$/m);
  const first = await rows(job, 'first run');
  await printed(job, /Checkpoint restore finished/);
  const restored = await rows(job, 'after a restore');
  await cancel(job);
  return [...first, ...restored];
}

async function rows(job: SubmittedJob, when: string): Promise<Row[]> {
  await sleep(SETTLED_MS);
  const { node } = await job.until('runs', ({ state }) => state === 'RUNNING');
  const measured: Row[] = [];
  for (const daemon of ['supervisor', 'agent']) {
    const { clean, dirty } = await privateMemory(node, `dist/${daemon}.js ${job.id}`);
    measured.push({
      what: `private memory of the ${daemon}, ${when}`,
      value: clean + dirty,
      unit: 'MB',
      aim: AIM,
      from: `${amount(dirty, 'MB')} written, ${amount(clean, 'MB')} of files that nobody else had mapped just then`,
      samples: { clean: [clean], dirty: [dirty] },
    });
  }
  return measured;
}

/** MB, of the one process with this in its command line. */
async function privateMemory(node: string, command: string): Promise<{ clean: number; dirty: number }> {
  const pid = (await exec(node, ['pgrep', '--full', command])).stdout.trim();
  const rollup = (await exec(node, ['cat', `/proc/${pid}/smaps_rollup`])).stdout;
  const of = (field: string): number =>
    (Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(rollup)?.[1]) * 1024) / 1e6;
  return { clean: of('Private_Clean'), dirty: of('Private_Dirty') };
}

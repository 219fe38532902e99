// From the line that announces the dump of a 1 GiB process to the checkpoint's commit, against cp and sync of the same bytes
// to the same place.
import { existsSync, rmSync } from 'node:fs';
import { execa } from 'execa';
import type { Place } from '../scenarios/place.ts';
import { cancel, closely, printed } from './lab.ts';
import { amount, median, type Row } from './table.ts';

const RUNS = 3;
const SCRIPT = `exec python3 -c '
import os, time
held = bytearray(os.urandom(1 << 30))
print("filled", flush=True)
time.sleep(600)
'`;

export async function benchCommit(place: Place): Promise<Row[]> {
  const job = await place.submit(SCRIPT, { comment: `checkpoint=0:20,keep=${RUNS}`, sbatch: ['--mem=4G'] });
  await printed(job, /^filled$/m);
  const store = place.store(job);
  const [commits, copies]: [number[], number[]] = [[], []];
  let bytes = 0;
  for (let run = 1; run <= RUNS; run += 1) {
    const checkpoint = `${store}/${run}`;
    await printed(job, new RegExp(`(?:Dumping checkpoint[^]*){${run}}`));
    commits.push(await timed(async () => closely('it is committed', () => existsSync(checkpoint))));
    bytes = Number((await execa('du', ['--bytes', '--summarize', checkpoint])).stdout.split('\t')[0]);
    // The job is restored first, so that it takes no part in this.
    await printed(job, new RegExp(`restore finished.*checkpoint ${run} `));
    const copy = `${store}.copy`;
    copies.push(
      await timed(async () => {
        await execa('cp', ['--recursive', checkpoint, copy]);
        await execa('sh', ['-c', 'exec sync "$0" "$0"/* "$0"/images/*', copy]);
      }),
    );
    rmSync(copy, { recursive: true });
  }
  await cancel(job);
  return [
    {
      what: 'commit of a 1 GiB process, against cp + sync',
      value: median(commits) / median(copies),
      unit: 'times',
      aim: 1.1,
      from: `${list(commits)} against ${list(copies)}, ${amount(bytes / 1e6, 'MB')}, medians`,
      samples: { commits, copies },
    },
  ];
}

/** Milliseconds. */
async function timed(step: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await step();
  return performance.now() - started;
}

const list = (times: readonly number[]): string => times.map((time) => amount(time, 'ms')).join(', ');

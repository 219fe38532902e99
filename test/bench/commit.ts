import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';

import { execa } from 'execa';

import type { Manifest } from '../../lib/store/manifest.ts';
import { outside } from '../helpers/cluster.ts';
import { median, until, type Lab } from './lab.ts';
import { megabytes, seconds, type Row } from './table.ts';

const RUNS = 3;
const SCRIPT = `#!/bin/bash
exec python3 -c '
import os, time
held = bytearray(os.urandom(1 << 30))
print("filled", flush=True)
time.sleep(600)
'
`;

/**
 * Memory that the measured step is to find: a virtual machine may take seconds to get a GiB of it from its host at the first touch, which is
 * no cost of ours. It is touched, and given back at the word.
 */
async function withWarmMemory<T>(
  bytes: number,
  step: (giveBack: () => void) => Promise<T>,
): Promise<T> {
  const holder = execa('python3', ['-c', HOLDER, String(bytes)], { stdin: 'pipe' });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  try {
    return await step(() => holder.stdin.end());
  } finally {
    holder.stdin.end();
    await holder;
  }
}

const HOLDER = `import mmap, sys
held = mmap.mmap(-1, int(sys.argv[1]))
held.madvise(mmap.MADV_HUGEPAGE)
for at in range(0, len(held), 4096): held[at] = 1
print("held", flush=True)
sys.stdin.read()`;
const WARM_BYTES = 3 * 2 ** 30;

/** From the line that announces a dump of a 1 GiB process to its commit, against cp and sync of the same bytes to the same place. */
export async function benchCommit(lab: Lab): Promise<Row[]> {
  const id = await lab.submit(SCRIPT, '--comment=checkpoint=0:35,keep=3', '--mem=4G');
  await lab.says(id, /^filled$/m);
  const commits: number[] = [];
  const copies: number[] = [];
  let bytes = 0;
  const store = outside(`/home/alice/.checkpointer/${id}`);
  for (let run = 1; run <= RUNS; run += 1) {
    const checkpoint = `${store}/${run}`;
    await withWarmMemory(WARM_BYTES, async (giveBack) => {
      await lab.says(id, new RegExp(`Dumping checkpoint .*/${run}\n`));
      const announced = performance.now();
      giveBack();
      await until('it is committed', async () => existsSync(checkpoint), 1);
      commits.push(performance.now() - announced);
    });
    const { contents } = JSON.parse(
      await readFile(`${checkpoint}/manifest.json`, 'utf8'),
    ) as Manifest;
    bytes = contents.reduce((sum, { size }) => sum + size, 0);
    // The job is restored first, so that it takes no part in this.
    await lab.says(id, new RegExp(`restore finished.*checkpoint ${run} `));
    await withWarmMemory(WARM_BYTES, async (giveBack) => {
      giveBack();
      const started = performance.now();
      await execa('cp', ['--recursive', checkpoint, `${store}.copy`]);
      await execa('sh', ['-c', 'exec sync "$0" "$0"/* "$0"/images/*', `${store}.copy`]);
      copies.push(performance.now() - started);
    });
    await rm(`${store}.copy`, { recursive: true });
  }
  await lab.cancel(id);
  return [
    {
      what: `commit of a 1 GiB process, against cp + sync`,
      value: (median(commits) / median(copies)).toFixed(2),
      aim: '≤ 1.1',
      how: `${list(commits)} against ${list(copies)}, ${megabytes(bytes)}, medians of ${RUNS}`,
    },
  ];
}

const list = (times: readonly number[]): string => times.map(seconds).join(', ');

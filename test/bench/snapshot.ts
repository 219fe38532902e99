// How long a process of 1 GiB stands still for a snapshot, by its own clock, against a bare `criu dump` of the same program
// on the same node, to the same disk.
import { exec, mustExec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';
import { cancel, closely, outputOf, printed } from './lab.ts';
import { amount, median, type Row } from './table.ts';

const RUNS = 3;
const NODE = 'n1';
const ALICE = '2001';
/** Says when it stood still for more than 50 ms. */
const PROGRAM = `
import os, time
held = bytearray(os.urandom(1 << 30))
print("filled", flush=True)
last = time.monotonic()
while True:
    time.sleep(0.001)
    now = time.monotonic()
    if now - last > 0.05: print("stood still for", now - last, flush=True)
    last = now
`;
const STOOD_STILL = /stood still for (\S+)/g;

export async function benchSnapshot(place: Place): Promise<Row[]> {
  const [ours, bare] = [await snapshots(place), await bareDumps()];
  return [
    {
      what: 'a 1 GiB process stands still for a snapshot',
      value: median(ours),
      unit: 'ms',
      from: `${list(ours)}; for a bare criu dump ${list(bare)}`,
      samples: { ours, bare },
    },
    {
      what: '  the same against a bare criu dump',
      value: median(ours) / median(bare),
      unit: 'times',
      from: 'medians',
      samples: {},
    },
  ];
}

const gaps = (output: string): number[] =>
  [...output.matchAll(STOOD_STILL)].map(([, seconds]) => Number(seconds) * 1000);

async function snapshots(place: Place): Promise<number[]> {
  const sbatch = ['--mem=4G', `--nodelist=${NODE}`];
  const job = await place.submit(`exec python3 -c '${PROGRAM}'`, {
    comment: 'checkpoint=0:15,mode=snapshot,keep=1',
    sbatch,
  });
  await printed(job, new RegExp(`(?:Checkpoint \\d+ done[^]*){${RUNS}}`));
  await closely('it says how long it stood still', () => gaps(outputOf(job)).length >= RUNS);
  await cancel(job);
  return gaps(outputOf(job));
}

async function bareDumps(): Promise<number[]> {
  const asAlice = ['setpriv', '--reuid', ALICE, '--regid', ALICE, '--clear-groups'];
  const folder = '/local/bare';
  await mustExec(NODE, ...asAlice, 'mkdir', folder);
  const begin = `cd ${folder} && { setsid python3 -c '${PROGRAM}' > out 2>&1 < /dev/null & echo $!; }`;
  const pid = (await mustExec(NODE, ...asAlice, 'sh', '-c', begin)).trim();
  const said = async (): Promise<string> => mustExec(NODE, 'cat', `${folder}/out`);
  try {
    while (!(await said()).includes('filled'));
    const may = ['--inh-caps', '+checkpoint_restore', '--ambient-caps', '+checkpoint_restore'];
    const criu = [
      'criu',
      'dump',
      '--unprivileged',
      '--leave-running',
      '--tree',
      pid,
      '--images-dir',
      `${folder}/images`,
    ];
    for (let run = 0; run < RUNS; run += 1) {
      await mustExec(NODE, ...asAlice, 'mkdir', `${folder}/images`);
      await mustExec(NODE, ...asAlice, ...may, ...criu);
      await mustExec(NODE, 'rm', '-r', `${folder}/images`);
    }
    return gaps(await said());
  } finally {
    await exec(NODE, ['kill', '-9', pid]);
    await exec(NODE, ['rm', '-rf', folder]);
  }
}

const list = (times: readonly number[]): string => times.map((time) => amount(time, 'ms')).join(', ');

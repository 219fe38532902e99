// How long a process of 1 GiB stands still for a snapshot, by its own clock, against a bare `criu dump` of the same tree to
// the same disk. By turns, and not counting the first: memory that a virtual machine touches for the first time, or has not
// touched for long, is several times as slow to write, and whoever measures first pays for it.
import { mustExec } from '../cluster/node.ts';
import type { SubmittedJob } from '../scenarios/job.ts';
import type { Place } from '../scenarios/place.ts';
import { cancel, closely, outputOf, printed } from './lab.ts';
import { amount, median, type Row } from './table.ts';

const RUNS = 5;
const NODE = 'n1';
/** Says when it stood still for more than 50 ms. */
const SCRIPT = `exec python3 -c '
import os, time
held = bytearray(os.urandom(1 << 30))
print("filled", flush=True)
last = time.monotonic()
while True:
    time.sleep(0.001)
    now = time.monotonic()
    if now - last > 0.05: print("stood still for", now - last, flush=True)
    last = now
'`;
const STOOD_STILL = /stood still for (\d\S*)$/gm;
/** As the user, with what CRIU needs, where the job's root is. */
const BARE_DUMP = `
  root=$(pgrep --oldest -u alice -x tini)
  images=/local/bare
  as="setpriv --reuid alice --regid alice --clear-groups"
  $as mkdir $images
  nsenter --target $root --mount --pid --wd=/ $as --inh-caps -all,+checkpoint_restore --ambient-caps -all,+checkpoint_restore \\
    criu dump --unprivileged --leave-running --link-remap --tree "$(awk '/^NSpid/ { print $NF }' /proc/$root/status)" --images-dir $images
  status=$?
  rm -r $images
  exit $status`;

export async function benchSnapshot(place: Place): Promise<Row[]> {
  const sbatch = ['--mem=4G', `--nodelist=${NODE}`];
  const job = await place.submit(SCRIPT, { comment: 'checkpoint=0:15,mode=snapshot,keep=1', sbatch });
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let run = 0; run <= RUNS; run += 1) {
    await printed(job, new RegExp(`Checkpoint ${run + 1} done`));
    ours.push(await nextGap(job, 2 * run));
    await mustExec(NODE, 'sh', '-c', BARE_DUMP);
    bare.push(await nextGap(job, 2 * run + 1));
  }
  await cancel(job);
  const [counted, against] = [ours.slice(1), bare.slice(1)];
  return [
    {
      what: 'a 1 GiB process stands still for a snapshot',
      value: median(counted),
      unit: 'ms',
      from: `${list(counted)}; for a bare criu dump ${list(against)}`,
      samples: { ours, bare },
    },
    {
      what: '  the same against a bare criu dump',
      value: median(counted) / median(against),
      unit: 'times',
      from: 'medians',
      samples: {},
    },
  ];
}

/** Milliseconds. */
async function nextGap(job: SubmittedJob, before: number): Promise<number> {
  const gaps = (): number[] => [...outputOf(job).matchAll(STOOD_STILL)].map(([, seconds]) => Number(seconds) * 1000);
  const all = await closely('it says how long it stood still', () => gaps().length > before && gaps());
  if (all.length !== before + 1) throw new Error(`it stood still ${all.length} times for ${before + 1} dumps`);
  return all[before]!;
}

const list = (times: readonly number[]): string => times.map((time) => amount(time, 'ms')).join(', ');

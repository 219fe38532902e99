// A job that reads a file of its node's own disk: where it goes on is where the file is.
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { COMPUTE_NODES, outside, own } from '../cluster/layout.ts';
import type { SubmittedJob } from './job.ts';
import { UNMOVED } from './mover.ts';
import type { Place } from './place.ts';

const fileOn = (node: string, job: SubmittedJob): string => path.join(own(node), `tmp/only-here-${job.id}`);
const keptFile = (place: Place): string => outside(place.path('kept'));

/** Reads a file of its first node's own, which is nowhere by the time that it is to go on: our part is to find out. */
export async function uprooted(place: Place, sbatch: readonly string[], lines = 20): Promise<SubmittedJob> {
  const file = '/tmp/only-here-$SLURM_JOB_ID';
  const script = `echo data > ${file}\nexec 3< ${file}\n./count ${lines} 5`;
  const job = await place.submit(script, { comment: 'checkpoint=0:05', sbatch: [UNMOVED, ...sbatch] });
  await job.says(/^Requeueing/);
  const origin = COMPUTE_NODES.map((node) => fileOn(node, job)).find((each) => existsSync(each));
  if (origin === undefined) throw new Error('no node has the file');
  cpSync(origin, keptFile(place), { preserveTimestamps: true });
  rmSync(origin);
  return job;
}

/** The file on these nodes, for as long as the scenario lasts. */
export function bridged(place: Place, job: SubmittedJob, nodes = COMPUTE_NODES): Disposable {
  for (const node of nodes) {
    cpSync(keptFile(place), fileOn(node, job), { preserveTimestamps: true });
    chmodSync(fileOn(node, job), 0o644);
  }
  return { [Symbol.dispose]: () => nodes.forEach((node) => rmSync(fileOn(node, job), { force: true })) };
}

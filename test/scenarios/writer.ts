// A job that writes the same lines to several places, each of which has to be exact in the end.
import { expect } from 'vitest';
import { counted, type SubmittedJob } from './job.ts';
import type { Place } from './place.ts';

const SNAPSHOT = 'checkpoint=0:04,mode=snapshot';
export const RUNS_ON = /^Checkpoint \d+ done, the job runs on/;

/** Writes each line to its output, to a file on the share that stays open, and into TMPDIR. */
const writer = (lines: number): string => `exec 3>> appended
for i in $(seq ${lines}); do echo "line $i"; echo "line $i" >&3; echo "line $i" >> $TMPDIR/result; sleep 0.5; done; exit 5`;

type Asking = { readonly comment?: string; readonly sbatch?: readonly string[] };

export const submitWriter = async (
  place: Place,
  lines: number,
  { comment = SNAPSHOT, sbatch = [] }: Asking = {},
): Promise<SubmittedJob> =>
  place.submit(writer(lines), { comment: `${comment} results=${place.path('results')}`, sbatch });

export async function isExact(place: Place, job: SubmittedJob, lines: number): Promise<void> {
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(lines));
  expect(place.lines('appended')).toEqual(counted(lines));
  expect(place.lines('results/result')).toEqual(counted(lines));
  expect(place.leftInStore(job).filter((name) => name !== 'undone')).toEqual([]);
}

/** Until it has written some lines more than were saved. */
export async function beyondSnapshot(job: SubmittedJob): Promise<string> {
  await job.says(RUNS_ON);
  const before = job.lines().length;
  const { node } = await job.until(
    'has gone on',
    ({ state }) => state === 'RUNNING' && job.lines().length > before + 3,
  );
  return node;
}

import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { outside } from './cluster.ts';

/** What the controller says of a job. */
export type QueuedJob = {
  readonly id: string;
  readonly arrayId: string | undefined;
  readonly arrayTask: string | undefined;
  readonly state: string;
  readonly reason: string;
  readonly exitCode: string;
  readonly restarts: number;
  readonly nodes: string;
};

/** One process asks the controller once a second for everybody: it is to serve jobs, not tests. */
export const QUEUE_FILE = '/shared/tests/.queue';
/** Ends when its stdin does, as when the tests are killed: nothing must be left that asks for ever. */
export const QUEUE_WATCH = `while read -r -t 1; [ $? -gt 128 ]; do
  scontrol --oneliner show jobs > ${QUEUE_FILE}.new 2>/dev/null && mv ${QUEUE_FILE}.new ${QUEUE_FILE}
done`;

/** States, and flags that are shown in their place for moments (job_state_string in Slurm's slurm_protocol_defs.c). */
const GOING_ON = new Set([
  ...['PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING', 'SUSPENDED', 'STOPPED', 'SIGNALING'],
  ...['RESIZING', 'REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'SPECIAL_EXIT', 'STAGE_OUT'],
]);

export const hasEnded = (job: QueuedJob): boolean => !GOING_ON.has(job.state);

/** Slurm's words for a job that its owner or the admin holds, and for one that was requeued and held (slurm_job_reason_string). */
const HELD = /^(?:JobHeld|job_requeued_in_held_state)/;

export const isHeld = (job: QueuedJob): boolean => job.state === 'PENDING' && HELD.test(job.reason);

let readAt = 0;
let jobs: QueuedJob[] = [];

/** All jobs that the controller knows, as of a second ago at most. */
export async function queue(): Promise<readonly QueuedJob[]> {
  const file = outside(QUEUE_FILE);
  try {
    const { mtimeMs } = await stat(file);
    if (mtimeMs !== readAt) {
      jobs = parseJobs(await readFile(file, 'utf8'));
      readAt = mtimeMs;
    }
  } catch {
    // Not there yet, or just being replaced.
  }
  return jobs;
}

export function parseJobs(text: string): QueuedJob[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('JobId='))
    .map((line) => {
      const word = (name: string): string | undefined =>
        new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1];
      return {
        id: word('JobId') ?? '',
        arrayId: word('ArrayJobId'),
        arrayTask: word('ArrayTaskId'),
        state: word('JobState') ?? '',
        reason: word('Reason') ?? '',
        exitCode: word('ExitCode') ?? '',
        restarts: Number(word('Restarts')),
        nodes: word('NodeList') ?? '',
      };
    });
}

/** Waits until something is so; the test's own time limit ends it. */
export async function until<T>(question: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    await sleep(500);
  }
}

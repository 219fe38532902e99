// What slurmctld knows of a job, from `scontrol --oneliner show job` with SLURM_TIME_FORMAT=%s. Not JSON: not every site's
// Slurm has it.
import { parseTime } from '../time.ts';

export type JobRecord = {
  /** As scontrol takes it for this very job. */
  readonly name: string;
  /** RUNNING, PENDING, COMPLETING (for whatever reason it ends), … */
  readonly state: string;
  readonly restarts: number;
  /** Seconds since the epoch, by the controller's clock. */
  readonly startedAt?: number;
  /** Seconds; undefined: none. */
  readonly timeLimit?: number;
};

/** Undefined when it isn't among the records: of an array there are several. */
export function parseRecord(records: string, id: number): JobRecord | undefined {
  const record = records.split('\n').find((line) => line.startsWith(`JobId=${id} `));
  if (record === undefined) return undefined;
  const field = (name: string): string => new RegExp(` ${name}=(\\S+)`).exec(record)?.[1] ?? '';
  const number = (name: string): number | undefined => (/^\d+$/.test(field(name)) ? Number(field(name)) : undefined);
  const startedAt = number('StartTime');
  const timeLimit = parseTime(field('TimeLimit'));
  return {
    name: nameOf(id, number('ArrayJobId'), number('ArrayTaskId')),
    state: field('JobState'),
    restarts: number('Restarts') ?? 0,
    ...(startedAt !== undefined && { startedAt }),
    ...(timeLimit !== undefined && { timeLimit }),
  };
}

/**
 * The last task of an array to start has the array's own number for an id, and requeueing that number requeues every
 * task. Slurm's word decides, not SLURM_ARRAY_JOB_ID: a job submitted from inside an array inherits that.
 */
const nameOf = (id: number, array: number | undefined, task: number | undefined): string =>
  array !== undefined && task !== undefined ? `${array}_${task}` : String(id);

/** Seconds since the epoch. */
export const endOf = ({ startedAt, timeLimit }: JobRecord): number | undefined =>
  startedAt !== undefined && timeLimit !== undefined ? startedAt + timeLimit : undefined;

/** What a SIGTERM means. `goes-on`: no more than a signal. `over`: the job was cancelled, or the like. */
export type Fate = 'goes-on' | 'runs-again' | 'timed-out' | 'over';

/** Controller and node may have different ideas of the time. */
const CLOCKS_APART_SECONDS = 3;

/** @param now seconds since the epoch */
export function fateOf(record: JobRecord, restarts: number, now: number): Fate {
  if (record.restarts > restarts) return 'runs-again'; // counted as soon as it is requeued, or preempted by requeue
  if (record.state === 'RUNNING') return 'goes-on';
  const end = endOf(record); // of its limit; its EndTime is the moment of whatever ended it
  return end !== undefined && now >= end - CLOCKS_APART_SECONDS ? 'timed-out' : 'over';
}

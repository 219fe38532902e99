// What slurmctld knows of a job, from `scontrol --oneliner show job`, and of itself, from `scontrol show config`, with
// SLURM_TIME_FORMAT=%s. Not JSON: not every site's Slurm has it.
import type { Job } from '../job.ts';
import { parseTime } from '../time.ts';

export type JobRecord = {
  /** As scontrol takes it for this very job. */
  readonly name: string;
  /** RUNNING, PENDING, COMPLETING (for whatever reason it ends), … */
  readonly state: string;
  /** Of a running job, the one that runs its script. */
  readonly node: string;
  readonly restarts: number;
  /** By the controller's clock: seconds since the epoch. A requeue sets it anew. */
  readonly submittedAt?: number;
  /** Seconds that this run has run: not while it was suspended. */
  readonly ran?: number;
  /** Seconds; undefined: none. */
  readonly timeLimit?: number;
  /** Of a running job, when its limit is reached: seconds since the epoch, by the controller's clock. */
  readonly endsAt?: number;
  /** When Slurm began to take its nodes for another job: seconds since the epoch. A job without a limit then ends at an `endsAt` that isn't told. */
  readonly preemptedAt?: number;
};

/** Undefined when it isn't among the records: of an array there are several. */
export function fieldsOf(records: string, id: number): ((name: string) => string) | undefined {
  const record = records.split('\n').find((line) => line.startsWith(`JobId=${id} `));
  return record === undefined ? undefined : (name) => new RegExp(` ${name}=(\\S+)`).exec(record)?.[1] ?? '';
}

/** Undefined when it isn't among the records. */
export function parseRecord(records: string, id: number): JobRecord | undefined {
  const field = fieldsOf(records, id);
  if (!field) return undefined;
  const number = (name: string): number | undefined => (/^\d+$/.test(field(name)) ? Number(field(name)) : undefined);
  const [ran, timeLimit] = [parseTime(field('RunTime')), parseTime(field('TimeLimit'))];
  const [endsAt, submittedAt, preemptedAt] = [number('EndTime'), number('SubmitTime'), number('PreemptTime')];
  return {
    name: nameOf(id, number('ArrayJobId'), number('ArrayTaskId')),
    state: field('JobState'),
    node: field('BatchHost'),
    restarts: number('Restarts') ?? 0,
    ...(ran !== undefined && { ran }),
    ...(timeLimit !== undefined && { timeLimit }),
    ...(endsAt !== undefined && { endsAt }),
    ...(submittedAt !== undefined && { submittedAt }),
    ...(preemptedAt !== undefined && { preemptedAt }),
  };
}

/**
 * The last task of an array to start has the array's own number for an id, and requeueing that number requeues every
 * task. Slurm's word decides, not SLURM_ARRAY_JOB_ID: a job submitted from inside an array inherits that.
 */
const nameOf = (id: number, array: number | undefined, task: number | undefined): string =>
  array !== undefined && task !== undefined ? `${array}_${task}` : String(id);

/** What a SIGTERM means. `goes-on`: no more than a signal. `over`: the job was cancelled, or the like. */
export type Fate = 'goes-on' | 'runs-again' | 'timed-out' | 'over';

/** slurmctld counts in whole seconds. */
const SLACK_SECONDS = 1;

export function fateOf({ state, restarts, ran, timeLimit }: JobRecord, restartsSoFar: number): Fate {
  if (restarts > restartsSoFar) return 'runs-again'; // counted as soon as it is requeued, or preempted by requeue
  if (state === 'PENDING') return 'runs-again'; // a controller that was killed has come back without this run
  if (state === 'RUNNING') return 'goes-on';
  return ran !== undefined && timeLimit !== undefined && ran >= timeLimit - SLACK_SECONDS ? 'timed-out' : 'over';
}

/**
 * How a job ended whose run has, as far as it matters; `failed`: also where the controller doesn't know yet; `other`: by its
 * time limit, for lack of memory, or the like; `runs-again`: not at all; `forgotten`: nor then: a controller that was killed came
 * back with a state from before this run, had what it did not know killed (validate_jobs_on_node in job_mgr.c), and starts it
 * once more.
 */
export type JobEnd = 'cancelled' | 'failed' | 'other' | 'runs-again' | 'forgotten';

/** From `scontrol --json show job`, where a site's Slurm has it: what the text hides of a job that is COMPLETING. */
export function endOfJob(json: string): JobEnd {
  const states = /"job_state":\s*(?:\[([^\]]*)|"(\w+)")/.exec(json)?.slice(1).join() ?? '';
  if (/\bCANCELLED\b/.test(states)) return 'cancelled';
  if (/\bPENDING\b/.test(states)) return 'forgotten'; // with the count of the run that has ended: see howItEnded()
  return /\b(?:FAILED|RUNNING)\b/.test(states) ? 'failed' : 'other';
}

/**
 * Of a job one of whose runs has ended. It may be under the same number: a controller that came back with a state from before that
 * run has started the job once more.
 */
export const isOfAnotherRun = (now: JobRecord, ended: Pick<Job, 'restarts' | 'node'>): boolean =>
  now.restarts !== ended.restarts || (now.state === 'RUNNING' && now.node !== '' && now.node !== ended.node);

export type Controller = {
  /** Seconds from SIGTERM to SIGKILL. */
  readonly killWait: number;
  /** Seconds since it was started, by its own clock; undefined where it does not say. */
  readonly up?: number;
};

export function parseController(configuration: string): Controller {
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(configuration)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const now = number(/^Configuration data as of (\d+)$/m);
  const start = number(/^BOOT_TIME\s*= (\d+)$/m);
  return {
    killWait: number(/^KillWait\s*= (\d+)/m) ?? 0,
    ...(now !== undefined && start !== undefined && { up: now - start }),
  };
}

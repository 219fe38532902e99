import * as v from 'valibot';

import { describeEnd, lastLine, run } from '../system/run.ts';

/** What the controller says of a job now. */
export type JobNow = {
  /** As `scontrol` takes it for this very job: `ARRAY_TASK` for a task of an array, for the bare id of an array's last task names the whole array. */
  readonly name: string;
  /** The base state (RUNNING, CANCELLED, TIMEOUT, PENDING, …) and its flags (COMPLETING, REQUEUED, …), as in squeue(1). */
  readonly states: readonly string[];
  readonly restarts: number;
  readonly mayRequeue: boolean;
  /** Seconds since the epoch; undefined when unlimited or not started. */
  readonly endsAt: number | undefined;
  readonly timeLimitSeconds: number | undefined;
  readonly comment: string;
  /** As the owner gave it, or an empty text. */
  readonly excludedNodes: string;
  /** As the owner gave it (`--nodelist`), or an empty text. */
  readonly requiredNodes: string;
  /** As the owner gave it (`--constraint`), or an empty text. */
  readonly features: string;
  readonly partition: string;
};

export const isCancelled = (job: JobNow): boolean => job.states.includes('CANCELLED');

/** Slurm ends its run, whatever the base state says. */
export const isCompleting = (job: JobNow): boolean => job.states.includes('COMPLETING');

export type Answer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** The controller as the job's own user sees it. One request a checkpoint, one at the run's end, and one in the Epilog of a requeued job. */
export class Controller {
  readonly #jobId: number;
  #name: string | undefined;
  readonly #path: string;
  readonly #env: Record<string, string>;

  constructor(jobId: number, site: { path: string; slurmConf: string }) {
    this.#jobId = jobId;
    this.#path = site.path;
    this.#env = site.slurmConf === '' ? {} : { SLURM_CONF: site.slurmConf };
  }

  /** Undefined when the controller cannot be reached or no longer knows the job. */
  async job(): Promise<JobNow | undefined> {
    // JSON, because the text hides the base state of a job that is COMPLETING: a cancelled one looks like one that is requeued.
    const ended = await this.#scontrol('--json', 'show', 'job', String(this.#jobId));
    if (ended.exitCode !== 0) return undefined;
    const job = parseShowJob(ended.stdout, this.#jobId);
    this.#name = job?.name ?? this.#name;
    return job;
  }

  /**
   * Asks for the job to be run again. `incomplete` leaves a job alone that has ended meanwhile, so that one that its owner
   * has just cancelled stays cancelled; the controller then says yes and does nothing.
   */
  async requeue(name: string): Promise<Answer> {
    return this.#ask('requeue', 'incomplete', name);
  }

  /** The same for a job that Slurm is ending already, as at its time limit: accepted while it is COMPLETING. */
  async requeueEnded(name: string): Promise<Answer> {
    return this.#ask('requeue', name);
  }

  /**
   * Requeues the job and holds it, until somebody has looked after it. One that has ended meanwhile is left alone, as by `requeue`:
   * without `incomplete` a job that its owner has just cancelled would come back.
   */
  async requeueHold(name: string): Promise<Answer> {
    return this.#ask('requeuehold', 'incomplete', name);
  }

  /** The same for a job that Slurm is ending already: accepted while it is COMPLETING. */
  async requeueHoldEnded(name: string): Promise<Answer> {
    return this.#ask('requeuehold', name);
  }

  /** Lets a job be requeued that its owner, or the site, has not allowed to be. Only of a job that has not ended. */
  async allowRequeue(name: string): Promise<Answer> {
    return this.#ask('update', `JobId=${name}`, 'Requeue=1');
  }

  /**
   * How scontrol calls this very job. Never the bare id of what may be a task of an array, for that can mean the whole array: while
   * the controller has not told, the script's environment does, which only harms its own owner if it lies.
   */
  async name(environment: Readonly<Record<string, string | undefined>>): Promise<string> {
    if (this.#name !== undefined || (await this.job())) return this.#name ?? String(this.#jobId);
    const { SLURM_ARRAY_JOB_ID: array = '', SLURM_ARRAY_TASK_ID: task = '' } = environment;
    return /^\d+$/.test(array) && /^\d+$/.test(task) ? `${array}_${task}` : String(this.#jobId);
  }

  /** The states of the user's jobs that Slurm still knows, ended ones too, by id; undefined when it does not answer. */
  async statesOfUsersJobs(): Promise<ReadonlyMap<number, string> | undefined> {
    const ended = await run(
      ['squeue', '--noheader', '--me', '--states=all', '--array', '--format=%A %T'],
      { deadlineMs: 60_000, path: this.#path, env: this.#env },
    );
    if (ended.exitCode !== 0) return undefined;
    return new Map(
      ended.stdout.split('\n').map((line) => {
        const [id, state = ''] = line.trim().split(' ');
        return [Number(id), state];
      }),
    );
  }

  /** When slurmctld was started, in milliseconds since the epoch by its own clock; undefined when it does not answer. */
  async startedAt(): Promise<number | undefined> {
    const ended = await run(['scontrol', 'show', 'config'], {
      deadlineMs: 60_000,
      path: this.#path,
      // How it writes times (scontrol(1)): seconds since the epoch.
      env: { ...this.#env, SLURM_TIME_FORMAT: '%s' },
    });
    const [, seconds] = /^BOOT_TIME\s*= (\d+)$/m.exec(ended.stdout) ?? [];
    return seconds === undefined ? undefined : Number(seconds) * 1000;
  }

  /** Which nodes a pending job must not get; an empty list lets it have all. */
  async exclude(name: string, nodes: string): Promise<Answer> {
    return this.#ask('update', `JobId=${name}`, `ExcNodeList=${nodes}`);
  }

  /**
   * Whether a job that runs on one of these nodes (lists of Slurm's kind, as n[1-3]) may run on another one: its partitions have one that is
   * up and has the features that it wants. Without an answer it is taken for granted: the job then waits in the queue, as any other.
   */
  async hasNodeBesides(job: JobNow, excluded: readonly string[]): Promise<boolean> {
    // It must get all nodes that it asks for, so the one where it runs is among them.
    if (job.requiredNodes !== '') return false;
    const up = ['idle', 'mixed', 'allocated', 'completing'].join(',');
    const [nodes, others] = await Promise.all([
      this.#run(
        'sinfo',
        '--noheader',
        '--Node',
        `--partition=${job.partition}`,
        `--states=${up}`,
        '--format=%N %f',
      ),
      this.#scontrol('show', 'hostnames', excluded.filter((list) => list !== '').join(',')),
    ]);
    if (nodes.exitCode !== 0 || others.exitCode !== 0) return true;
    const not = new Set(others.stdout.split('\n'));
    return nodes.stdout.split('\n').some((line) => {
      const [node = '', features = ''] = line.trim().split(/ +/);
      return node !== '' && !not.has(node) && suits(features.split(','), job.features);
    });
  }

  async #ask(...words: string[]): Promise<Answer> {
    const ended = await this.#scontrol(...words);
    if (ended.exitCode === 0) return { ok: true };
    return { ok: false, reason: lastLine(ended.stderr) || describeEnd(ended) };
  }

  async #scontrol(...words: string[]) {
    return this.#run('scontrol', ...words);
  }

  async #run(...argv: string[]) {
    return run(argv, { deadlineMs: 60_000, path: this.#path, env: this.#env });
  }
}

/**
 * Whether a node with these features suits a `--constraint`: all of several joined by `&`, or one of several joined by `|` (sbatch(1)).
 * What is more involved than that is left to Slurm, and taken to suit.
 */
export function suits(features: readonly string[], constraint: string): boolean {
  const wanted = constraint.replace(/^\[(.*)\]$/, '$1');
  const isPlain = !/[()[\]{}*,!]|&.*\||\|.*&/.test(wanted);
  if (wanted === '' || !isPlain) return true;
  const has = (feature: string): boolean => features.includes(feature);
  return wanted.includes('|') ? wanted.split('|').some(has) : wanted.split('&').every(has);
}

/** A number of Slurm's JSON: plain, or null for "not set" and "infinite", in old versions of its data parser, with marks for both in newer ones. */
const SlurmNumber = v.union([
  v.number(),
  v.pipe(
    v.null(),
    v.transform(() => undefined),
  ),
  v.pipe(
    v.object({ set: v.boolean(), infinite: v.boolean(), number: v.number() }),
    v.transform(({ set, infinite, number }) => (set && !infinite ? number : undefined)),
  ),
]);

const ShownJobs = v.object({
  jobs: v.array(
    v.object({
      job_id: v.number(),
      job_state: v.union([
        v.array(v.string()),
        v.pipe(
          v.string(),
          v.transform((state) => [state]),
        ),
      ]),
      restart_cnt: v.number(),
      requeue: v.boolean(),
      end_time: SlurmNumber,
      time_limit: SlurmNumber,
      comment: v.nullable(v.string()),
      excluded_nodes: v.optional(v.nullable(v.string())),
      required_nodes: v.optional(v.nullable(v.string())),
      features: v.optional(v.nullable(v.string())),
      partition: v.optional(v.nullable(v.string())),
      array_job_id: SlurmNumber,
      array_task_id: SlurmNumber,
    }),
  ),
});

/** Reads `scontrol --json show job ID`; of an array it shows several, of which one is ours. */
export function parseShowJob(text: string, jobId: number): JobNow | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  const shown = v.safeParse(ShownJobs, raw);
  const job = shown.success ? shown.output.jobs.find((each) => each.job_id === jobId) : undefined;
  if (!job) return undefined;
  const isTask = (job.array_job_id ?? 0) !== 0 && job.array_task_id !== undefined;
  return {
    name: isTask ? `${job.array_job_id}_${job.array_task_id}` : String(jobId),
    states: job.job_state,
    restarts: job.restart_cnt,
    mayRequeue: job.requeue,
    endsAt: job.time_limit === undefined ? undefined : job.end_time,
    timeLimitSeconds: job.time_limit === undefined ? undefined : job.time_limit * 60,
    comment: job.comment ?? '',
    excludedNodes: job.excluded_nodes ?? '',
    requiredNodes: job.required_nodes ?? '',
    features: job.features ?? '',
    partition: job.partition ?? '',
  };
}

import { dirname, join } from 'node:path';

import { removeRunFolder, setAside } from '../agent/left-behind.ts';
import { hasNoResults, readRecord, type JobRecord } from '../agent/record.ts';
import { unmark } from '../agent/sweep.ts';
import { parseConfig, readConfig, type SiteConfig } from '../config.ts';
import type { Job } from '../job.ts';
import { runFolder, runFolderAt } from '../layout.ts';
import { deliveryCommand } from '../scratch/deliver.ts';
import { removeUsersFolder } from '../scratch/users-folder.ts';
import { Controller, isCancelled, type JobNow } from '../slurm/control.ts';
import { endNoteOf, OVER_FILE, parseOverNote } from '../store/job-store.ts';
import { asUser } from '../system/identity.ts';
import { describeEnd, lastLine, run } from '../system/run.ts';
import { syslog } from '../system/syslog.ts';
import { endLeftovers, isNewerAtWork } from './leftovers.ts';

/**
 * The end of a job's run on this node: whatever is left of it is ended, results that nobody could deliver are delivered,
 * and nothing of the job stays on the node. What touches the user's files is done as the user.
 */
export async function finishJob(job: Job): Promise<void> {
  const config = configOrDefaults();
  const folder = runFolder(job.id);
  const record = readRecord(folder.record);
  if (isNewerAtWork(job, record)) return;
  await endLeftovers(job);
  if (record) {
    const work = new UsersWork(job, record, config);
    const fate = await fateOf(job, record, config, work);
    const safe =
      fate === 'runs-again' || (fate === 'forgotten' ? await work.leave() : await work.deliver());
    if (fate === 'over') await work.discardCheckpoints();
    // Where slurmd gave this Epilog up long ago, a newer run of the job may be here.
    if (readRecord(folder.record)?.restarts !== record.restarts) return;
    if (record.scratch !== null) unmark(dirname(record.scratch), job.id);
    const left = setAside(job, { ...record, scratch: safe ? record.scratch : null });
    for (const useless of left.folders) await work.removeFolder(useless);
    await removeRunFolder(runFolderAt(left.run), config);
  } else await removeRunFolder(folder, config);
}

/**
 * What comes after this run: another one, nothing, or nothing that anybody has decided. `forgotten`: nobody knows the job any more, which
 * may have come to its end elsewhere, or the controller does not answer: results that are here stay.
 */
type Fate = 'runs-again' | 'over' | 'unknown' | 'forgotten';

/**
 * A requeue raises the count before the Epilog runs, and the controller may have forgotten it since. It is asked, too, where the supervisor
 * left no word, as when it was killed or the node was cut off while the job was started elsewhere.
 */
async function fateOf(
  job: Job,
  record: JobRecord,
  config: SiteConfig,
  work: UsersWork,
): Promise<Fate> {
  if (record.results === 'superseded') return 'runs-again';
  const requeued = job.restarts > record.restarts;
  const over = record.ending === 'over';
  if (over && !requeued) return 'over';
  const controller = new Controller(job.id, { path: config.path, slurmConf: job.slurmConf });
  const now = await controller.job();
  if (over) {
    // Cancelled right after its requeue, or requeued when its script had just ended: after a preemption with GraceTime Slurm does that.
    if (!now) return 'unknown';
    return isCancelled(now) ? 'over' : 'runs-again';
  }
  if (requeued) {
    if (now && isForgotten(now, record)) await requeueOnceMore(controller, now, job, config);
    return 'runs-again';
  }
  if (now && now.restarts > record.restarts) return 'runs-again';
  if (now?.states.some((state) => state === 'CANCELLED' || state === 'COMPLETED')) return 'over';
  if (now && (await work.isNotedOver())) return 'over';
  if (record.store !== null) {
    await syslog(
      'warning',
      `job ${job.id} ended (${now?.states.join(', ') ?? 'state unknown'}) without its script having ended: its checkpoints stay in ${record.store}`,
      config.path,
    );
  }
  return now ? 'unknown' : 'forgotten';
}

/**
 * A slurmctld that was killed within seconds after it had requeued a job, and had this Epilog run (SAVE_MAX_WAIT in its state_save.c), comes
 * back without knowing of that, and takes what the run then told it for the job's end.
 */
const isForgotten = ({ states, restarts }: JobNow, record: JobRecord): boolean =>
  restarts === record.restarts &&
  states.some((state) => state === 'COMPLETED' || state === 'FAILED' || state === 'TIMEOUT');

async function requeueOnceMore(
  controller: Controller,
  now: JobNow,
  job: Job,
  config: SiteConfig,
): Promise<void> {
  const answer = await controller.requeueEnded(now.name);
  await syslog(
    'warning',
    `job ${job.id}: slurmctld has forgotten its requeue, and took it to have ended (${now.states.join(', ')}): ${answer.ok ? 'it is requeued once more' : `it could not be requeued once more (${answer.reason}); scontrol requeue ${now.name} does that`}`,
    config.path,
  );
}

/** A configuration that has become unusable must not keep a job's results from their owner. */
function configOrDefaults(): SiteConfig {
  try {
    return readConfig();
  } catch {
    return parseConfig('');
  }
}

/** What a step gets when the others have used up the time: removing a folder of this node takes no longer. */
const LAST_STEPS_MS = 10_000;

/** What is done to the user's own files, as the user, within the time that the site allows. */
class UsersWork {
  readonly #job: Job;
  readonly #record: JobRecord;
  readonly #config: SiteConfig;
  /** By the clock of performance.now(): a share that hangs keeps the node completing until then, however many steps there are. */
  readonly #deadline: number;

  constructor(job: Job, record: JobRecord, config: SiteConfig) {
    this.#job = job;
    this.#record = record;
    this.#config = config;
    this.#deadline = performance.now() + config.delivery_limit * 1000;
  }

  /** Returns whether nothing is left in TMPDIR that somebody may still want. */
  async deliver(): Promise<boolean> {
    const { scratch, resultFolder, results } = this.#record;
    if (scratch === null || resultFolder === null || hasNoResults(this.#record)) return true;
    if (results === 'kept') return false;
    const names = await this.#run(
      'find',
      scratch,
      '-mindepth',
      '1',
      '-maxdepth',
      '1',
      '-printf',
      '/%f\\0',
    );
    const delivered =
      names.exitCode === 0 &&
      (await this.#runWith(names.stdout, ...deliveryCommand(scratch, resultFolder)));
    if (delivered && delivered.exitCode === 0) return true;
    const why = delivered
      ? `rsync ${describeEnd(delivered)}: ${lastLine(delivered.stderr)}`
      : lastLine(names.stderr);
    await syslog(
      'err',
      `job ${this.#job.id}: results could not be copied to ${resultFolder} (${why}); they stay in ${scratch} on ${this.#job.nodeName}`,
      this.#config.path,
    );
    return false;
  }

  /** Leaves results that may not be the job's, for its end may have been elsewhere. Returns what `deliver` does. */
  async leave(): Promise<boolean> {
    const { scratch, results } = this.#record;
    if (scratch === null || hasNoResults(this.#record)) return true;
    if (results === 'kept') return false;
    await syslog(
      'warning',
      `job ${this.#job.id} ended, and the Slurm controller does not say how: its results stay in ${scratch} on ${this.#job.nodeName}`,
      this.#config.path,
    );
    return false;
  }

  /** Whether the supervisor has left a note in the store that the script came to its end in this run. */
  async isNotedOver(): Promise<boolean> {
    const { store, restarts } = this.#record;
    if (store === null) return false;
    const note = await this.#run('head', '--bytes=1000', '--', join(store, OVER_FILE));
    return note.exitCode === 0 && parseOverNote(note.stdout)?.run === restarts;
  }

  async discardCheckpoints(): Promise<void> {
    const { store } = this.#record;
    if (store === null) return;
    // Not the note of its end, if there is one: slurmctld, killed within seconds, comes back without knowing of that, and runs the job once more.
    await this.#run('mv', '--no-target-directory', '--', join(store, OVER_FILE), endNoteOf(store));
    const ended = await this.#run('rm', '--recursive', '--force', '--one-file-system', '--', store);
    if (ended.exitCode === 0) return;
    await syslog(
      'warning',
      `job ${this.#job.id}: its checkpoints stay in ${store}: rm ${describeEnd(ended)}: ${lastLine(ended.stderr)}`,
      this.#config.path,
    );
  }

  async removeFolder(folder: string): Promise<void> {
    await removeUsersFolder(folder, async (...argv) => this.#run(...argv), this.#config);
  }

  async #run(...argv: string[]) {
    return this.#runWith('', ...argv);
  }

  /** @param input a character a byte, as the output: names of files need not be UTF-8 */
  async #runWith(input: string, ...argv: string[]) {
    return run([...asUser(this.#record, { path: this.#config.path }), ...argv], {
      deadlineMs: Math.max(LAST_STEPS_MS, this.#deadline - performance.now()),
      path: this.#config.path,
      input: Buffer.from(input, 'latin1'),
      encoding: 'latin1',
    });
  }
}

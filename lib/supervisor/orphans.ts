import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { reasonOf, Refusal, saysMissing } from '../errors.ts';
import { ScratchArchive } from '../scratch/archive.ts';
import { deliver } from '../scratch/deliver.ts';
import { moved } from '../store/durable.ts';
import { JobStore } from '../store/job-store.ts';
import { syslog } from '../system/syslog.ts';
import type { Run } from './run.ts';

/**
 * Checkpoints of a job, and what they become: `left` of another job that had the number before, `cancelled` while their results are
 * delivered, `removed` at last; what was `cut` off from its files; and the note of its end, when it is `over`. Undelivered results
 * (`ID.results`) are never among them.
 */
const TRACES = /^(\d+)(?:\.(?:(left|cut|cancelled|removed)-\d+|(over)))?$/;

/** A run beats in its job's folder every quarter of a lease: one that has been quiet for so many leases is of no running job. */
const QUIET_LEASES = 1;
/** Seconds: a slurmctld that has forgotten a job's end, and has been started again, asks the nodes for their jobs within this time. */
const END_NOTE_AGE = 600;

type Trace = {
  readonly name: string;
  readonly jobId: number;
  readonly became: 'left' | 'cut' | 'cancelled' | 'removed' | 'over' | undefined;
  readonly ageMs: number;
};

/**
 * Looks after jobs of the same user that ended where no Epilog could see it: cancelled while they waited in the queue between two runs, or
 * forgotten by Slurm while their node was dead. The controller is asked only when there may be any.
 */
export async function sweepOrphans(run: Run): Promise<void> {
  try {
    const quiet = (await tracesBeside(run)).filter(
      ({ became, ageMs }) => ageMs > quietSeconds(run, became) * 1000,
    );
    if (quiet.length === 0) return;
    const states = await run.controller.statesOfUsersJobs();
    if (!states) return;
    for (const trace of quiet) await settle(run, trace, states);
  } catch (error) {
    await syslog(
      'warning',
      `job ${run.jobId}: old checkpoints stay: ${reasonOf(error)}`,
      run.config.path,
    );
  }
}

async function settle(run: Run, trace: Trace, states: ReadonlyMap<number, string>): Promise<void> {
  const { jobId, became, ageMs } = trace;
  const store = storeBeside(run, trace);
  if (await store.isOfOtherCluster()) return;
  const state = states.get(jobId);
  if (became === 'over') {
    if (isKnownToBeOver(state)) await store.forgetEnd();
    return;
  }
  if (became === undefined && state !== undefined) {
    if (state === 'CANCELLED') await finishCancelled(run, trace);
    // Its node died before its Epilog ran; its results were delivered before it was noted.
    else if (isKnownToBeOver(state) && (await store.isNotedOver())) {
      await discard(run, trace, 'their job is over');
    }
    return;
  }
  if (isAbandoned(run, trace)) await finishCancelled(run, trace);
  else if (became === 'removed') await discard(run, trace, 'their job was cancelled');
  else if (became !== 'cancelled' && ageMs > run.config.orphan_age * 1000) {
    await discard(run, trace, 'Slurm no longer knows their job');
  }
}

const quietSeconds = ({ config }: Run, became: Trace['became']): number => {
  if (became === 'cut') return config.orphan_age;
  return became === 'over' ? END_NOTE_AGE : config.lease * QUIET_LEASES;
};

/** @param state undefined when Slurm no longer knows the job */
const isKnownToBeOver = (state: string | undefined): boolean =>
  state === undefined || state === 'COMPLETED' || state === 'FAILED';

/** A delivery that was broken off with the job that did it. */
const isAbandoned = (run: Run, { became, ageMs }: Trace): boolean =>
  became === 'cancelled' && ageMs > run.config.delivery_limit * 1000;

const storeBeside = (run: Run, { jobId }: Trace): JobStore =>
  new JobStore(dirname(run.store.path), jobId, {
    cluster: run.environment.variables['SLURM_CLUSTER_NAME'] ?? '',
  });

async function tracesBeside(run: Run): Promise<Trace[]> {
  const parent = dirname(run.store.path);
  const traces: Trace[] = [];
  for (const name of await readdir(parent)) {
    const [, id, became, over] = TRACES.exec(name) ?? [];
    if (id === undefined || Number(id) === run.jobId) continue;
    const mtimeMs = await mtimeOf(join(parent, name));
    if (mtimeMs === undefined) continue;
    traces.push({
      name,
      jobId: Number(id),
      became: (became ?? over) as Trace['became'],
      ageMs: Date.now() - mtimeMs,
    });
  }
  return traces;
}

/** Undefined when another job's sweep, or its Epilog, was faster. */
async function mtimeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (saysMissing(error)) return undefined;
    throw error;
  }
}

/**
 * TMPDIR of a job that was cancelled between two runs is only in its checkpoint: it is delivered from there, as it would have been from
 * a node. Several supervisors may look at the same time; the one whose rename succeeds does it.
 */
async function finishCancelled(run: Run, trace: Trace): Promise<void> {
  const claimed = { ...trace, name: `${trace.jobId}.cancelled-${Date.now()}` };
  const parent = dirname(run.store.path);
  try {
    // Young again: an old one counts as abandoned for the next sweep, which may come while we deliver.
    await utimes(join(parent, trace.name), new Date(), new Date());
    await rename(join(parent, trace.name), join(parent, claimed.name));
  } catch (error) {
    if (saysMissing(error)) return;
    throw error;
  }
  await deliverFrom(run, join(parent, claimed.name), storeBeside(run, trace));
  await discard(run, claimed, 'their job was cancelled');
}

/** Delivers TMPDIR from the newest of the checkpoints in a folder, or leaves it where undelivered results are kept. */
async function deliverFrom(run: Run, folder: string, store: JobStore): Promise<void> {
  const numbers = (await readdir(folder)).filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
  if (numbers.length === 0) return;
  const number = Math.max(...numbers);
  const newest = { number, path: join(folder, String(number)) };
  const outcome = await store.manifestOf(newest);
  // Nobody else has these results any more.
  if (outcome.kind !== 'found')
    throw new Refusal(`${newest.path} cannot be read: its results stay`);
  const { resultFolder, scratch, jobId } = outcome.manifest;
  if (resultFolder === undefined || scratch === undefined) return;
  await mkdir(store.undelivered, { recursive: true, mode: 0o700 });
  await new ScratchArchive(store.undelivered, newest.path, run.config.path).layBack();
  const delivery = await deliver(store.undelivered, resultFolder, run.config.path);
  if (delivery.kind === 'delivered') {
    await rm(store.undelivered, { recursive: true, force: true });
    return;
  }
  await syslog(
    'err',
    `job ${jobId}: results not delivered to ${resultFolder}: ${delivery.reason}; kept in ${store.undelivered}`,
    run.config.path,
  );
}

/** Renames first: what is half removed must not be taken for something that is still to be delivered. */
async function discard(run: Run, { name, jobId }: Trace, why: string): Promise<void> {
  const parent = dirname(run.store.path);
  const path = join(parent, name);
  const doomed = join(parent, `${jobId}.removed-${Date.now()}`);
  if (!(await moved(path, doomed))) return;
  await rm(doomed, { recursive: true, force: true });
  await syslog('info', `checkpoints ${path} removed: ${why}`, run.config.path);
}

import { setTimeout as sleep } from 'node:timers/promises';

import {
  EXIT_NOT_DELIVERED,
  EXIT_TEMPORARY,
  EXIT_USAGE,
  OptionError,
  reasonOf,
} from '../errors.ts';
import { isCancelled, isCompleting, type JobNow } from '../slurm/control.ts';
import type { Manifest } from '../store/manifest.ts';
import { syslog } from '../system/syslog.ts';
import { describeSeconds, steadyNow } from '../time.ts';
import type { ScriptEnd } from '../tree/tree.ts';
import { announce, enrol, warnOfSubmission } from './enrol.ts';
import { takeSignals, type Event } from './events.ts';
import {
  giveUp,
  goBack,
  hasCheckpoints,
  hold,
  isHarm,
  lastCall,
  moveOn,
  noteEnd,
  noteOver,
  snapshot,
  STAYS,
  type Leaving,
} from './leaving.ts';
import type { LeaseKeeper } from './lease.ts';
import { LiveTree } from './live-tree.ts';
import { deliverResults } from './results.ts';
import type { Run } from './run.ts';
import { sweepOrphans } from './orphans.ts';
import { say } from './say.ts';
import { chooseInterval, jitterMs, nextCheckpoint, type Due } from './schedule.ts';
import { startOrRestore, type Started } from './starting.ts';
import { scriptEnd, succeeded } from './status.ts';
import { runUnprotected } from './unprotected.ts';

/** The story of one run of a job, told by the process that Slurm watches. Returns how that has to end. */
export async function superviseJob(argv: readonly string[]): Promise<ScriptEnd> {
  let run: Run;
  try {
    run = await enrol(argv);
  } catch (error) {
    if (!(error instanceof OptionError)) return runUnprotected(argv, reasonOf(error));
    say(`The job was not started: ${error.message}`);
    await syslog('info', `job ${process.env['SLURM_JOB_ID']}: not started: ${error.message}`);
    return { exitCode: EXIT_USAGE };
  }
  const live = new LiveTree(run.events);
  takeSignals(run.events, (signal) => live.forward(signal));
  run.agent.onTreeEnded(() => live.ended());
  run.agent.onLost(() => {
    say(
      `The agent of this job has ended: the job runs on without checkpoints; ask the admin to look into syslog on ${run.nodeName}`,
    );
    live.watchAlone();
  });
  announce(run);
  const started = await startOrRestore(run, live);
  await warnOfSubmission(run);
  switch (started.kind) {
    case 'superseded':
      return giveUp(run, live);
    case 'elsewhere':
      await run.events.next(steadyNow() + 60_000);
      return { exitCode: EXIT_TEMPORARY };
    case 'impossible':
      return hold(run, started.reason);
    case 'over':
      // Its results, too, were delivered then.
      await run.agent.ask({ kind: 'note', results: 'delivered' }).catch(() => undefined);
      await noteEnd(run, started.end);
      run.agent.close();
      return started.end;
    case 'runs': {
      await using _lease = started.lease;
      const sweep = sweepOrphans(run);
      const end = await watch(run, live, started);
      // What it has begun to deliver nobody else takes up for a while.
      await Promise.race([sweep, sleep(SWEEP_PATIENCE_MS, undefined, { ref: false })]);
      return end;
    }
  }
}

/** How long a run that has ended waits for what it does for others; a later one takes up what is left. */
const SWEEP_PATIENCE_MS = 30_000;

/** From the tree's first moment on this node to its last. */
async function watch(
  run: Run,
  live: LiveTree,
  { lease, lastCost: firstCost }: Extract<Started, { kind: 'runs' }>,
): Promise<ScriptEnd> {
  let lastAttemptAt = steadyNow();
  let lastCost = firstCost;
  let lastCalled = false;
  for (;;) {
    chooseOwnInterval(run, lastCost);
    // A controller that does not answer must not keep a SIGTERM waiting.
    const due = lastCalled
      ? NEVER
      : await Promise.race([
          nextDue(run, lastAttemptAt, lastCost),
          run.events.arrival().then(() => NEVER),
        ]);
    const event = await run.events.next(due.at);
    if (event.kind === 'due' && due.because === 'look') continue;
    try {
      const leaving = await answer(event, due, { run, live, lease, lastCalled, lastCost });
      if (leaving.kind === 'leaves') return leaving.end;
      lastCalled ||= event.kind === 'term';
      lastCost = leaving.cost ?? lastCost;
    } catch (error) {
      // A fault of ours is no reason to take the job along.
      say(`slurm-checkpointer failed: ${reasonOf(error)}; the job runs on, please report this`);
      await syslog('err', `job ${run.jobId}: ${reasonOf(error)}`, run.config.path);
    }
    lastAttemptAt = steadyNow();
  }
}

type Situation = {
  readonly run: Run;
  readonly live: LiveTree;
  readonly lease: LeaseKeeper | undefined;
  readonly lastCalled: boolean;
  readonly lastCost: Manifest['cost'] | undefined;
};

async function answer(
  event: Event,
  due: Due,
  { run, live, lease, lastCalled, lastCost }: Situation,
): Promise<Leaving> {
  switch (event.kind) {
    case 'script-ended':
      return {
        kind: 'leaves',
        end: await finish(run, live, lease),
      };
    case 'superseded':
      return { kind: 'leaves', end: await giveUp(run, live) };
    case 'term': {
      const leaving = lastCalled ? STAYS : await lastCall(run, live, lastCost?.wholeMs);
      if (leaving.kind === 'stays') live.forward('SIGTERM');
      return leaving;
    }
    case 'due':
      // Nothing is ever due for a job without checkpoints, the only one without a lease.
      if (!lease) return STAYS;
      return run.options.mode === 'snapshot' && due.because === 'interval'
        ? snapshot(run, live)
        : moveOn(run, live, lease);
  }
}

/** How often the time limit is looked at: it can be lowered. */
const LOOK_AGAIN_MS = 10 * 60_000;

const NEVER: Due = { at: Infinity, because: 'interval' };

/** Asks for the time limit each time, for it can be changed. */
async function nextDue(
  run: Run,
  lastAttemptAt: number,
  lastCost: Manifest['cost'] | undefined,
): Promise<Due> {
  if (run.intervalSeconds === undefined || run.agent.gone) return NEVER;
  const now = await run.controller.job();
  if (now && isEndingUnheard(run, now)) {
    run.events.push({ kind: 'term' });
    return NEVER;
  }
  const endsAt = now?.endsAt;
  const intervalMs = run.intervalSeconds * 1000;
  const plan = {
    startedAt: run.startedAt,
    intervalMs: intervalMs + jitterMs(intervalMs, Math.random()),
    endsAt: endsAt === undefined ? undefined : endsAt * 1000 - Date.now() + steadyNow(),
    lastCostMs: lastCost && lastCost.wholeMs + lastCost.waitedMs,
  };
  const due = nextCheckpoint(plan, lastAttemptAt);
  const look = steadyNow() + LOOK_AGAIN_MS;
  return endsAt !== undefined && look < due.at ? { at: look, because: 'look' } : due;
}

/** Slurm's SIGTERM is lost while TaskProlog is at work (docs/notes/slurm.md). */
const isEndingUnheard = ({ events }: Run, now: JobNow): boolean =>
  !events.termed && isCompleting(now);

/** `checkpoint=auto`: the interval follows from what the last checkpoint cost. */
function chooseOwnInterval(run: Run, cost: Manifest['cost'] | undefined): void {
  if (run.options.intervalSeconds !== 'auto' || !cost) return;
  const { config } = run;
  // A move costs the time to save and about the same to restore.
  const costSeconds = (run.options.mode === 'snapshot' ? cost.frozenMs : 2 * cost.wholeMs) / 1000;
  const chosen = chooseInterval(costSeconds, {
    min: config.auto_interval_min,
    max: config.auto_interval_max,
    meanTimeBetweenFailures: config.mean_time_between_failures,
  });
  if (chosen === run.intervalSeconds) return;
  run.intervalSeconds = chosen;
  say(
    `Checkpoint interval: ${describeSeconds(chosen)}, for a checkpoint costs ${costSeconds.toFixed(1)} s and nodes here fail every ${describeSeconds(config.mean_time_between_failures)}`,
  );
}

const checkpointsStay = (run: Run, now: JobNow | undefined): string =>
  `Its checkpoints stay in ${run.store.path}; scontrol requeue ${now?.name ?? run.jobId} goes on from the newest`;

/** Nobody said how the script ended: its processes were killed from outside, with the shells around it. That need not be the job's end. */
async function staysToBeContinued(run: Run): Promise<boolean> {
  const kept = await hasCheckpoints(run);
  const now = await run.controller.job();
  if (!kept || (now && isCancelled(now))) return false;
  say(`The job's processes were killed from outside. ${checkpointsStay(run, now)}`);
  return true;
}

/**
 * Slurm has ended the run before the script came to its end: at a requeue, for a more urgent job, at the time limit. That is not the job's
 * end, whatever the script did with the signal. Without the controller's word the Epilog has to find out.
 */
async function isCutShort(run: Run): Promise<boolean> {
  const now = await run.controller.job();
  if (now && isCancelled(now)) return false;
  const again =
    now !== undefined && (now.restarts > run.restarts || now.states.includes('PENDING'));
  const kept = await hasCheckpoints(run);
  if (again) say('The script has ended with this run: Slurm runs the job again');
  else if (kept && now && isStillMeantToRun(now)) {
    say(`The script has ended with Slurm's signal: Requeueing ... ${now.name}`);
    const requeue = await run.controller.requeue(now.name);
    if (!requeue.ok)
      say(`The requeue was refused (${requeue.reason}). ${checkpointsStay(run, now)}`);
  } else if (kept) {
    const states = now?.states.join(', ') ?? 'state unknown';
    say(`Slurm has ended the job (${states}). ${checkpointsStay(run, now)}`);
  }
  return again || kept;
}

/** Slurm's signal was no end of the job's: a slurmctld that was killed has forgotten that it requeued it, or somebody else sent it. */
const isStillMeantToRun = (now: JobNow): boolean =>
  now.states.includes('RUNNING') && !isCompleting(now);

/** The script has ended: deliver, and end as it did. */
async function finish(
  run: Run,
  live: LiveTree,
  lease: LeaseKeeper | undefined,
): Promise<ScriptEnd> {
  const { termed } = run.events;
  const told = await scriptEnd(run.folder.status);
  // A newer run may be at work since the script ended: nothing of this one counts any more, nor does its end.
  if (run.events.supersededPending) return giveUp(run, live);
  if (live.brokenOff && !termed && (await isHarm(run, live.brokenOff, told))) {
    return goBack(run, live, live.brokenOff);
  }
  const end = told ?? { signal: 9 };
  // What there is to deliver then is the Epilog's.
  if (termed && (await isCutShort(run))) return end;
  if (lease?.finishes() === false) return giveUp(run, live);
  const delivered = await deliverResults(run);
  const last = delivered || !succeeded(end) ? end : { exitCode: EXIT_NOT_DELIVERED };
  // After Slurm's signal the end may be its doing, and no reason to keep a next run from beginning.
  if (told && !termed) await noteEnd(run, last);
  else if (told || !(await staysToBeContinued(run))) await noteOver(run);
  run.agent.close();
  return last;
}

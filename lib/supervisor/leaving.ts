import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT_TEMPORARY, reasonOf } from '../errors.ts';
import { isCancelled } from '../slurm/control.ts';
import type { Generation } from '../store/job-store.ts';
import type { Manifest } from '../store/manifest.ts';
import { noteSignals } from '../store/signals.ts';
import { memoryOf } from '../system/proc.ts';
import { syslog } from '../system/syslog.ts';
import { steadyNow } from '../time.ts';
import { isRunning, processesOf, type ScriptEnd } from '../tree/tree.ts';
import { checkpoint, type CheckpointOutcome, type Harm } from './checkpoint.ts';
import { backToAllNodes } from './elsewhere.ts';
import { isMessage } from './events.ts';
import { HOLD_AGAIN_MS, holdPatiently } from './holding.ts';
import type { LeaseKeeper } from './lease.ts';
import type { LiveTree } from './live-tree.ts';
import { isOver, type Purpose } from './preparing.ts';
import { restoreInPlace as restoreHere } from './restore.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';
import { fitsLastCall } from './schedule.ts';
import { mayBeCriusDoing, succeeded } from './status.ts';

/**
 * What became of an event. A run that leaves its node ends with EXIT_TEMPORARY, which nobody sees when the requeue works, and which is
 * no success should it fail after all.
 */
export type Leaving =
  | { readonly kind: 'stays'; readonly cost: Manifest['cost'] | undefined }
  | { readonly kind: 'leaves'; readonly end: ScriptEnd };

const LEAVES: Leaving = { kind: 'leaves', end: { exitCode: EXIT_TEMPORARY } };
export const STAYS: Leaving = { kind: 'stays', cost: undefined };

/** Saves the tree and lets it run on here. */
export async function snapshot(run: Run, live: LiveTree): Promise<Leaving> {
  // It would be restored as it stands: stopped.
  if (live.paused) return STAYS;
  const outcome = await checkpointLive(run, live, 'run-on');
  return outcome.kind === 'none'
    ? unlessHarmed(run, live, outcome)
    : { kind: 'stays', cost: outcome.cost };
}

/** Takes a checkpoint and hands the job back to Slurm, to be restored elsewhere. */
export async function moveOn(run: Run, live: LiveTree, lease: LeaseKeeper): Promise<Leaving> {
  if (live.paused) return STAYS;
  const before = await run.controller.job();
  if (!before?.mayRequeue) {
    const why = before
      ? 'the job may not be requeued: submit it with --requeue, or allow it now with scontrol update'
      : 'the Slurm controller cannot be reached';
    say(`No checkpoint: ${why}; the job runs on`);
    return STAYS;
  }
  const outcome = await checkpointLive(run, live, 'end');
  if (outcome.kind === 'none') return unlessHarmed(run, live, outcome);
  // Nobody requeues a newer run for the sake of this one.
  if (run.events.supersededPending) return STAYS;
  say(`Requeueing ... ${before.name}`);
  const answer = await run.controller.requeue(before.name);
  if (answer.ok) {
    await backToAllNodes(run, before.name);
    if (await requeueArrives(run, live)) return leave(run, live, outcome.generation);
  }
  // While the controller was asked, which can take a minute: its event is the next.
  if (run.events.supersededPending) return STAYS;
  const reason = answer.ok ? 'it was accepted but nothing happened' : answer.reason;
  say(`The requeue was refused (${reason}): the job is restored here and goes on`);
  await syslog('warning', `job ${run.jobId}: requeue refused: ${reason}`, run.config.path);
  return restoreInPlace(run, live, lease, outcome);
}

/**
 * SIGTERM without notice. A cancelled job ends as any job does; one that Slurm takes off the node (requeue, preemption, time
 * limit) is saved first. `stays`: the script is to get the signal.
 */
export async function lastCall(
  run: Run,
  live: LiveTree,
  lastCostMs: number | undefined,
): Promise<Leaving> {
  if (run.intervalSeconds === undefined || run.agent.gone) return STAYS;
  const now = await run.controller.job();
  if (!now) return STAYS;
  if (isCancelled(now)) {
    await noteOver(run);
    return STAYS;
  }
  if (now.restarts > run.restarts && now.states.includes('RUNNING')) {
    // Slurm, which had lost sight of this node, ends here what it has long started elsewhere.
    return { kind: 'leaves', end: await giveUp(run, live) };
  }
  if (live.paused || run.events.supersededPending) return STAYS;
  const memory = processesOf(live.look()).reduce((sum, { pid }) => sum + memoryOf(pid), 0);
  const killedAt = steadyNow() + run.config.kill_wait * 1000;
  const fits = (): boolean => fitsLastCall(killedAt - steadyNow(), lastCostMs, memory);
  if (!fits()) {
    say(
      `Slurm ends this run (${now.states.join(', ')}), and there is no time for a last checkpoint before it kills the job`,
    );
    return STAYS;
  }
  say(`Slurm ends this run (${now.states.join(', ')}): taking a last checkpoint`);
  const outcome = await lastCheckpoint(run, live, fits);
  if (outcome.kind === 'none') return STAYS;
  const { generation } = outcome;
  if (now.restarts > run.restarts || run.events.supersededPending) {
    return leave(run, live, generation);
  }
  say(`Requeueing ... ${now.name}`);
  const answer = await run.controller.requeueEnded(now.name);
  if (!answer.ok) {
    say(
      `The requeue was refused (${answer.reason}): the checkpoint is kept in ${generation.path}; scontrol requeue ${now.name} goes on from it`,
    );
  }
  return leave(run, live, generation);
}

/** The job goes on from this checkpoint, and so do the signals that came when its tree was saved already. */
async function leave(run: Run, live: LiveTree, { path }: Generation): Promise<Leaving> {
  // Of those that wait, a process has each only once, too.
  const signals = [...new Set(live.undelivered)].filter(isMessage);
  if (signals.length > 0 && !run.events.supersededPending) {
    await noteSignals(path, signals).catch((error: unknown) => {
      say(`Signals for the script are lost (${signals.join(', ')}): ${reasonOf(error)}`);
    });
  }
  return LEAVES;
}

const LAST_TRIES = 3;
const NEXT_TRY_MS = 500;

/** What keeps a tree from being saved may be gone the next moment, as a child that was just ending; there is no next interval. */
async function lastCheckpoint(
  run: Run,
  live: LiveTree,
  fits: () => boolean,
): Promise<CheckpointOutcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await checkpointLive(run, live, 'end', true);
    if (outcome.kind === 'committed' || outcome.brokenOff || tries === LAST_TRIES) return outcome;
    if (live.paused || run.events.supersededPending || !fits()) return outcome;
    if (!isRunning(live.look()) || isOver(run)) return outcome;
    await sleep(NEXT_TRY_MS);
  }
}

async function checkpointLive(
  run: Run,
  live: LiveTree,
  purpose: Purpose,
  urgent = false,
): Promise<CheckpointOutcome> {
  // While the controller was asked, which can take a minute.
  if (run.events.supersededPending) return { kind: 'none' };
  const tree = live.look();
  let taken = false;
  let outcome: CheckpointOutcome = { kind: 'none' };
  try {
    outcome = await checkpoint(run, tree, purpose, {
      urgent,
      takes: () => {
        if (purpose === 'run-on') return;
        live.take();
        taken = true;
      },
    });
  } finally {
    live.brokenOff = outcome.kind === 'none' ? outcome.brokenOff : undefined;
    if (taken && outcome.kind === 'none') live.runs(tree);
  }
  return outcome;
}

/** After a try that failed the tree runs on, unless criu may have taken a part of it along: what that would go on to do may be wrong. */
async function unlessHarmed(
  run: Run,
  live: LiveTree,
  { brokenOff }: Extract<CheckpointOutcome, { kind: 'none' }>,
): Promise<Leaving> {
  // The script's end is an event of its own.
  if (brokenOff?.took !== 'some' || run.events.supersededPending) return STAYS;
  if (await hasCheckpoints(run)) {
    return { kind: 'leaves', end: await goBack(run, live, brokenOff) };
  }
  await warnOfHarm(run, brokenOff);
  return STAYS;
}

/** As far as the store can be read. */
export const hasCheckpoints = async (run: Run): Promise<boolean> =>
  (await run.store.generations().catch(() => [])).length > 0;

/** Unless the store says that there are none. */
const mayHaveCheckpoints = async (run: Run): Promise<boolean> =>
  (await run.store.generations().catch(() => undefined))?.length !== 0;

const describeHarm = ({ reason, took }: Harm): string =>
  `${reason} while it saved the job, and ${took === 'some' ? 'some of ' : ''}the job's processes ended with it`;

/** There is no checkpoint to go back to. */
async function warnOfHarm(run: Run, brokenOff: Harm): Promise<void> {
  const harm = describeHarm(brokenOff);
  say(
    `Warning: ${harm}. If these did not end by themselves, the results may be wrong: requeue the job`,
  );
  await syslog('warning', `job ${run.jobId}: ${harm}`, run.config.path);
}

/** Whether the script has ended for what criu did to it. Success is thrown away only where a checkpoint brings it back. */
export async function isHarm(run: Run, harm: Harm, told: ScriptEnd | undefined): Promise<boolean> {
  if (mayBeCriusDoing(told)) return true;
  if (harm.took !== 'the script') return false;
  if (!told || !succeeded(told) || (await hasCheckpoints(run))) return true;
  await warnOfHarm(run, harm);
  return false;
}

/** What is left of the tree is not what the job would be: Slurm runs it again from its newest checkpoint, or it waits for its owner. */
export async function goBack(run: Run, live: LiveTree, brokenOff: Harm): Promise<ScriptEnd> {
  const harm = describeHarm(brokenOff);
  await live.kill();
  const kept = await mayHaveCheckpoints(run);
  const now = await run.controller.job();
  if (!kept) return hold(run, `${harm}; it has no checkpoint yet`, START);
  if (!now?.mayRequeue) return hold(run, harm);
  await syslog('err', `job ${run.jobId}: ${harm}`, run.config.path);
  say(`${harm}: the job goes on from its newest checkpoint. Requeueing ... ${now.name}`);
  const answer = await run.controller.requeue(now.name);
  if (answer.ok && (await requeueArrives(run, live))) return { exitCode: EXIT_TEMPORARY };
  return hold(run, harm);
}

/** How long an accepted requeue may take to arrive as SIGTERM before the job counts as forgotten. */
const REQUEUE_PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 10_000;

/** Waits for the SIGTERM by which Slurm ends the run that it requeues. False when the job is still meant to run here. */
async function requeueArrives(run: Run, live: LiveTree): Promise<boolean> {
  const acceptedAt = steadyNow();
  for (;;) {
    const event = await run.events.next(steadyNow() + LOOK_EVERY_MS);
    if (event.kind === 'superseded') {
      // The node was cut off before it arrived.
      await giveUp(run, live);
      return true;
    }
    if (event.kind === 'term') {
      const now = await run.controller.job();
      if (now && isCancelled(now)) await noteOver(run);
      return true;
    }
    if (steadyNow() - acceptedAt < REQUEUE_PATIENCE_MS) continue;
    const now = await run.controller.job();
    if (now?.states.includes('RUNNING') && now.restarts === run.restarts) return false;
  }
}

async function restoreInPlace(
  run: Run,
  live: LiveTree,
  lease: LeaseKeeper,
  saved: { generation: Generation; cost: Manifest['cost'] },
): Promise<Leaving> {
  try {
    live.runs(await restoreHere(run, lease, saved.generation));
    return { kind: 'stays', cost: saved.cost };
  } catch (error) {
    if (run.events.supersededPending) return STAYS;
    const where = `checkpoint ${saved.generation.number} cannot be restored on ${run.nodeName}`;
    return { kind: 'leaves', end: await hold(run, `${where}: ${reasonOf(error)}`) };
  }
}

/** The job is another run's now: nothing of this one may be written or delivered any more. */
export async function giveUp(run: Run, live: LiveTree): Promise<ScriptEnd> {
  await live.kill();
  // What is in TMPDIR is nobody's result.
  await run.agent.ask({ kind: 'note', results: 'superseded' }).catch(() => undefined);
  say('A newer run of this job has taken over: this one ends');
  return { exitCode: EXIT_TEMPORARY };
}

/** What there is to be done about a held job. */
type Remedy = (run: Run, name: string) => string;
const GO_ON: Remedy = (run, name) =>
  `Its checkpoints are in ${run.store.path}; when the cause is mended, scontrol release ${name} goes on from them`;
const START: Remedy = (_, name) => `scontrol release ${name} starts it from the beginning`;

/**
 * Neither here nor silently from the start: the job waits, checkpoints intact, until somebody has looked. One that Slurm refuses to hold waits
 * here for an hour, and ends then; its checkpoints stay.
 */
export async function hold(run: Run, reason: string, remedy = GO_ON): Promise<ScriptEnd> {
  const name = await run.controller.name(run.environment.variables);
  say(`The job is held: ${reason}. ${remedy(run, name)}`);
  await syslog('err', `job ${run.jobId} is held: ${reason}`, run.config.path);
  let said = '';
  const held = await holdPatiently(
    run.controller,
    { name, restarts: run.restarts },
    async (why) => {
      if (why !== said) say(`The job could not be held yet (${why}): trying again`);
      said = why;
      const event = await run.events.next(steadyNow() + HOLD_AGAIN_MS);
      // Whoever ends the job now knows what he does.
      return event.kind === 'term' || event.kind === 'superseded' ? 'ended' : 'again';
    },
  );
  const kept = held.kind !== 'held' && (await mayHaveCheckpoints(run));
  if (kept) {
    // What is in TMPDIR is in the checkpoints, as far as the job could be restored.
    await run.agent.ask({ kind: 'note', results: 'superseded' }).catch(() => undefined);
  }
  if (held.kind === 'cancelled' && kept) {
    say(
      `It was cancelled before that, and is not held. Its checkpoints stay in ${run.store.path} until your next job with checkpoints begins, which delivers what they have of TMPDIR; until then scontrol requeue ${name} goes on from them`,
    );
  }
  if (held.kind === 'refused') {
    say(
      `The job could not be held (${held.reason}): it ends here, and its checkpoints stay in ${run.store.path}; scontrol requeue ${name} goes on from them while Slurm still knows the job`,
    );
    await syslog('err', `job ${run.jobId} could not be held: ${held.reason}`, run.config.path);
  }
  await sleep(1000);
  return { exitCode: EXIT_TEMPORARY };
}

/** Tells the Epilog that the job is over and its checkpoints can go. */
export async function noteOver(run: Run): Promise<void> {
  await run.agent.ask({ kind: 'note', ending: 'over' }).catch(() => undefined);
}

/**
 * Notes how the script ended, for a next run, should Slurm begin one all the same; and that the job is over, if it does not. The Epilog
 * cannot tell by itself: a requeue for the failure of a node that lives on raises the count only after its request (docs/notes/slurm.md).
 */
export async function noteEnd(run: Run, end: ScriptEnd): Promise<void> {
  if (run.intervalSeconds === undefined) return noteOver(run);
  // Where the store is away, the agent's word is enough; without both, the checkpoints stay, and syslog says so.
  await run.store.noteOver(end).catch(() => undefined);
  const now = await run.controller.job();
  if (now?.restarts === run.restarts) await noteOver(run);
}

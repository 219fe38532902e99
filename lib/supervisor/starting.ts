import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf, Refusal } from '../errors.ts';
import { PREFIX_FOLDER } from '../layout.ts';
import type { ScriptEnvironment } from '../slurm/environment.ts';
import { endNoteOf } from '../store/job-store.ts';
import type { Manifest } from '../store/manifest.ts';
import { syslog } from '../system/syslog.ts';
import { CLOCKS_APART_MS } from '../time.ts';
import { startTree, type ScriptEnd } from '../tree/tree.ts';
import { tryElsewhere } from './elsewhere.ts';
import { LeaseKeeper, takeLease } from './lease.ts';
import type { LiveTree } from './live-tree.ts';
import { restoreNewest, type RestoreOutcome } from './restore.ts';
import { waiting, withProgress } from './progress.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';
import { parseNotedEnd } from './status.ts';

export type Started =
  | {
      readonly kind: 'runs';
      readonly lastCost: Manifest['cost'] | undefined;
      /** Of a job with checkpoints, which can be started elsewhere while this run is cut off. */
      readonly lease: LeaseKeeper | undefined;
    }
  /** A newer run has the job. */
  | { readonly kind: 'superseded' }
  /** An earlier run came to the job's end. */
  | { readonly kind: 'over'; readonly end: ScriptEnd }
  /** The job has been requeued, to be restored on another node. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'impossible'; readonly reason: string };

/** Starts the script, or restores it where an earlier run left a checkpoint. */
export async function startOrRestore(run: Run, live: LiveTree): Promise<Started> {
  if (run.intervalSeconds === undefined) {
    start(run, live);
    return { kind: 'runs', lastCost: undefined, lease: undefined };
  }
  try {
    if (!(await openStore(run))) return { kind: 'superseded' };
  } catch (error) {
    const reason =
      error instanceof Refusal
        ? error.message
        : `the checkpoint folder ${run.store.path} cannot be read or written (${reasonOf(error)})`;
    // Nobody can tell whether there are checkpoints.
    if (run.restarts > 0) return elsewhere(run, reason);
    say(`Warning: no checkpoint can be taken now: ${reason}; it is tried again at each interval`);
    await syslog('warning', `job ${run.jobId}: ${reason}`, run.config.path);
  }
  const end = await endBefore(run);
  if (end) return { kind: 'over', end };
  const lease = keepLease(run, live);
  if (run.restarts > 0) {
    const restored = await restore(run, live, lease);
    if (restored) return restored;
    say('No checkpoint was taken in the earlier runs of this job: it starts from the beginning');
  }
  start(run, live);
  return { kind: 'runs', lastCost: undefined, lease };
}

const OPEN_TRIES = 3;
const AGAIN_MS = 5000;

/** Opens the store and takes the job from any run before. False when a newer run has it. Throws when the store cannot be read or written. */
async function openStore(run: Run): Promise<boolean> {
  if (run.restarts === 0) {
    await waitForFirst(run);
    const aside = await withProgress(waiting(run), async () => run.store.openAfresh());
    if (aside !== undefined) {
      say(
        `Checkpoints of an earlier job of this number are put aside (${aside}): it starts from the beginning`,
      );
    }
    return takeLease(run);
  }
  for (let tries = 1; ; tries += 1) {
    try {
      await withProgress(waiting(run), async () => run.store.open());
      return await takeLease(run);
    } catch (error) {
      // A share may be on its way.
      if (tries === OPEN_TRIES) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

/**
 * A slurmctld that was killed before it had saved that it started a job starts it once more for the first time, while the job may be running.
 * What cannot be opened is refused when it is opened afresh.
 */
async function waitForFirst(run: Run): Promise<void> {
  if (!(await run.store.exists())) return;
  try {
    await run.store.open();
    await takeLease(run);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

async function elsewhere(run: Run, reason: string): Promise<Started> {
  const tried = await tryElsewhere(run, reason).catch(() => false);
  return tried ? { kind: 'elsewhere' } : { kind: 'impossible', reason };
}

/** Slurm runs a job again that ended by itself when it was just to be requeued or preempted. Its script never runs a second time. */
async function endBefore(run: Run): Promise<ScriptEnd | undefined> {
  if (run.restarts === 0) return undefined;
  const note = await run.store.overBefore();
  const end = note && parseNotedEnd(note.end);
  if (!end) return endForgotten(run);
  say(
    'The job had come to its end before Slurm requeued it: nothing is left to do, and it ends as it did then',
  );
  return end;
}

/**
 * A slurmctld that was killed within seconds after a job's end (SAVE_MAX_WAIT in its state_save.c) comes back without knowing of it, and runs
 * the job once more. Who requeues a job of which Slurm knows that it has ended wants just that.
 */
async function endForgotten(run: Run): Promise<ScriptEnd | undefined> {
  const last = await run.store.endedBefore().catch(() => undefined);
  const end = last && parseNotedEnd(last.end);
  if (!end) return undefined;
  const startedAt = await run.controller.startedAt();
  if (startedAt !== undefined && startedAt + CLOCKS_APART_MS < last.at) {
    await run.store.forgetEnd().catch(() => undefined);
    return undefined;
  }
  const name = await run.controller.name(run.environment.variables);
  say(
    `The job had come to its end, which a slurmctld that was started since may have forgotten: it ends as it did then. If it is to run once more: rm ${endNoteOf(run.store.path)}; scontrol requeue ${name}`,
  );
  return end;
}

/** Undefined when there is no checkpoint. */
async function restore(run: Run, live: LiveTree, lease: LeaseKeeper): Promise<Started | undefined> {
  let outcome: RestoreOutcome;
  try {
    // Only now, for an older run may have made its first one while we waited for it.
    if ((await run.store.generations()).length === 0) return undefined;
    outcome = await restoreNewest(run, lease);
  } catch (error) {
    outcome = { kind: 'impossible', reason: reasonOf(error), elsewhere: false };
  }
  if (outcome.kind === 'restored') {
    for (const signal of outcome.signals) live.forward(signal);
    live.runs(outcome.tree);
    return { kind: 'runs', lastCost: outcome.cost, lease };
  }
  await lease.release();
  // Then it is no concern of this run's any more what became of it here.
  if (run.events.supersededPending) return { kind: 'superseded' };
  const { reason } = outcome;
  return outcome.elsewhere ? elsewhere(run, reason) : { kind: 'impossible', reason };
}

const keepLease = (run: Run, live: LiveTree): LeaseKeeper =>
  new LeaseKeeper(run, {
    pause: () => live.pause(),
    resume: () => live.resume(),
    lost: async () => {
      // Before anything else: it keeps a checkpoint that is in the making from being committed.
      run.events.push({ kind: 'superseded' });
      const ended = await live.kill();
      // One that the agent is just restoring.
      await run.agent.ask({ kind: 'end-tree' }).catch(() => undefined);
      return ended;
    },
  });

function preparationFile({ rawExports }: ScriptEnvironment, file: string): string | undefined {
  if (!rawExports) return undefined;
  writeFileSync(file, rawExports, { mode: 0o600 });
  return file;
}

type Startable = Pick<Run, 'environment' | 'argv' | 'folder' | 'scratch' | 'openFiles' | 'config'>;

/** Where commands for jobs are found on every node, whatever version it has. */
const LASTING_PATH = join(PREFIX_FOLDER, '..', '..', 'current', 'path');

/** Starts the script for the first time. */
export function start(run: Startable, live: LiveTree): void {
  const { environment, argv, folder, scratch, openFiles, config } = run;
  const { tree, process: child } = startTree({
    argv,
    statusFile: folder.status,
    openFiles,
    path: config.path,
    preparation: preparationFile(environment, folder.preparation),
    environment: {
      ...environment.variables,
      ...(scratch === undefined ? {} : { TMPDIR: scratch }),
      // The predecessor's command, which does nothing any more, for scripts that still call it.
      PATH: [LASTING_PATH, environment.variables['PATH']].filter(Boolean).join(':'),
    },
  });
  child.once('error', (error) => {
    say(`The job could not be started: ${reasonOf(error)}`);
    live.ended();
  });
  child.once('exit', () => live.ended());
  live.runs(tree);
}

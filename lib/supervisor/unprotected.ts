import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseConfig } from '../config.ts';
import { EXIT_TEMPORARY } from '../errors.ts';
import { runFolder, type RunFolder } from '../layout.ts';
import { Controller } from '../slurm/control.ts';
import { parseEnvironment } from '../slurm/environment.ts';
import { putScriptBack } from '../slurm/spool.ts';
import { syslog } from '../system/syslog.ts';
import type { ScriptEnd } from '../tree/tree.ts';
import { Events, takeSignals } from './events.ts';
import { HOLD_AGAIN_MS, holdUnprotected } from './holding.ts';
import { LiveTree } from './live-tree.ts';
import { say } from './say.ts';
import { start } from './starting.ts';
import { scriptEnd } from './status.ts';

/**
 * What is left to do when the supervisor itself cannot work: a first run goes on without checkpoints; a later one is held, for it
 * may have checkpoints and must not start from the beginning without a word.
 */
export async function runUnprotected(argv: readonly string[], reason: string): Promise<ScriptEnd> {
  const [script = '', ...args] = argv;
  const jobId = Number(process.env['SLURM_JOB_ID']);
  const folder = runFolder(jobId);
  const config = parseConfig('');
  const restarts = Number(process.env['SLURM_RESTART_COUNT'] ?? 0);
  if (restarts > 0) {
    const controller = new Controller(jobId, { path: config.path, slurmConf: '' });
    const kept = environmentKept(folder);
    // Only the controller knows then whether the job is a task of an array.
    if (!kept) while (!(await controller.job())) await sleep(HOLD_AGAIN_MS);
    const name = await controller.name(kept ?? {});
    await holdUnprotected(controller, { id: jobId, name, restarts, reason }, say);
    return { exitCode: EXIT_TEMPORARY };
  }
  say(
    `The job runs without checkpoints: ${reason}; ask the admin to look into syslog on ${process.env['SLURMD_NODENAME']}`,
  );
  await syslog('err', `job ${jobId} runs without checkpoints: ${reason}`);
  const events = new Events();
  const live = new LiveTree(events);
  takeSignals(events, (signal) => live.forward(signal));
  putScriptBack(script);
  start(
    {
      argv: [script, ...args],
      config,
      environment: parseEnvironment(readFileSync(folder.environ)),
      folder,
      scratch: undefined,
      openFiles: process.env['CHECKPOINTER_NOFILE'] ?? '1024',
    },
    live,
  );
  for (;;) {
    const event = await events.next(Infinity);
    if (event.kind === 'script-ended') return (await scriptEnd(folder.status)) ?? { signal: 9 };
    live.forward('SIGTERM');
  }
}

/** The script's; undefined where the run folder, too, has gone. */
function environmentKept(folder: RunFolder): Readonly<Record<string, string>> | undefined {
  try {
    return parseEnvironment(readFileSync(folder.environ)).variables;
  } catch {
    return undefined;
  }
}

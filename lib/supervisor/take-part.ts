import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { reasonOf } from '../errors.ts';
import { PREFIX_FOLDER, runFolder } from '../layout.ts';
import { Controller } from '../slurm/control.ts';
import { putStub } from '../slurm/spool.ts';
import { syslog } from '../system/syslog.ts';
import { steadyNow } from '../time.ts';
import { holdUnprotected } from './holding.ts';
import { PREFIX } from './say.ts';

const FOLDER_PATIENCE_MS = 5000;

/**
 * Puts the supervisor in the script's place. A job that cannot be protected runs all the same in its first run; one that was requeued
 * must not start again from the beginning without a word, so it is held.
 * @param problem why this node protects no jobs, empty when it does
 * @returns the TaskProlog's exit status: with anything but 0 Slurm does not start the script
 */
export async function takePart(script: string, problem: string): Promise<number> {
  const jobId = Number(process.env['SLURM_JOB_ID']);
  const restarts = Number(process.env['SLURM_RESTART_COUNT'] ?? 0);
  try {
    if (problem !== '') throw new Error(problem);
    await folderMade(runFolder(jobId).user);
    putStub(script, join(PREFIX_FOLDER, 'libexec', 'batch-task'));
    return 0;
  } catch (error) {
    return restarts > 0
      ? holdInstead(jobId, restarts, reasonOf(error))
      : unprotected(jobId, reasonOf(error));
  }
}

/** The doorbell makes the run folder as soon as it is rung. */
async function folderMade(folder: string): Promise<void> {
  const deadline = steadyNow() + FOLDER_PATIENCE_MS;
  while (!existsSync(folder)) {
    if (steadyNow() > deadline) throw new Error('the agent of this node does not answer');
    await sleep(2);
  }
}

/** What TaskProlog prints after `print ` goes to the job's output (srun(1), --task-prolog). */
const print = (text: string): void =>
  console.log(`print ${PREFIX}${text.replaceAll(/\p{C}/gu, ' ')}`);

async function unprotected(jobId: number, reason: string): Promise<number> {
  print(
    `The job runs without checkpoints: ${reason}; ask the admin to look into syslog on ${process.env['SLURMD_NODENAME']}`,
  );
  await syslog('err', `job ${jobId} runs without checkpoints: ${reason}`);
  return 0;
}

async function holdInstead(id: number, restarts: number, reason: string): Promise<number> {
  const controller = new Controller(id, {
    path: '/usr/local/bin:/usr/bin:/bin',
    slurmConf: process.env['SLURM_CONF'] ?? '',
  });
  const name = await controller.name(process.env);
  await holdUnprotected(controller, { id, name, restarts, reason }, print);
  return 1;
}

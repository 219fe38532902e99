import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseConfig } from '../config.ts';
import { Controller, type JobNow } from '../slurm/control.ts';
import { readOptions } from '../options.ts';
import { exportedInScript } from '../slurm/spool.ts';
import { syslog } from '../system/syslog.ts';
import { PREFIX } from './say.ts';

const AGAIN_MS = 5000;

/**
 * slurmd runs no Prolog for a job that it knows, and after a power cut it still knows those that were there then (slurmd's
 * cred_context.c keeps them in SlurmdSpoolDir/cred_state until they are revoked). Such a job, back on this node, has no
 * agent, and must not start from the beginning. Requeued, it is revoked, and the next time the Prolog runs.
 * @returns the TaskProlog's exit status: with anything but 0 Slurm does not start the script
 */
export async function withoutProlog(script: string): Promise<number> {
  const jobId = Number(process.env['SLURM_JOB_ID']);
  const config = parseConfig('');
  const controller = new Controller(jobId, {
    path: config.path,
    slurmConf: process.env['SLURM_CONF'] ?? '',
  });
  let now: JobNow | undefined;
  while (!(now = await controller.job())) await sleep(AGAIN_MS);
  if (!takesPart(now.comment, script)) return 0;
  const what = `Slurm ran no Prolog for the job on ${process.env['SLURMD_NODENAME']}, which it was on when that lost its power`;
  console.log(`print ${PREFIX}${what}. Requeueing ... ${now.name}`);
  await syslog('warning', `job ${jobId}: ${what}; requeued`);
  while (!(await controller.requeue(now.name)).ok) await sleep(AGAIN_MS);
  return 1;
}

function takesPart(comment: string, script: string): boolean {
  const { interval, keep, mode } = parseConfig('');
  try {
    const sources = {
      comment,
      environment: process.env,
      script: exportedInScript(readFileSync(script, 'utf8'), process.env),
    };
    return readOptions(sources, { intervalSeconds: interval, keep, mode }) !== undefined;
  } catch {
    // It asks for something that cannot be: its next run says so.
    return true;
  }
}

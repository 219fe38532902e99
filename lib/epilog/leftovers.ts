import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { JobRecord } from '../agent/record.ts';
import type { Job } from '../job.ts';
import { runFolder } from '../layout.ts';
import { jobOfProlog } from '../slurm/environment.ts';
import { jobHasProcesses } from '../system/cgroup.ts';
import { allProcesses, isAlive, linkOf, numbersOf, readProc, statusOf } from '../system/proc.ts';
import { sendSignal } from '../tree/tree.ts';

/** What /proc says of a process. Arguments and environment are what its user has written there; uids and program are the kernel's word. */
export type Claims = {
  /** Real, effective, saved and for files. */
  readonly uids: readonly number[];
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
};

/**
 * Whether a newer run is at work here. slurmd, back after its node lost its power, is asked to end the run that it had, and does that behind
 * the Prolog of the next one (docs/notes/slurm.md); its Epilog has the count and the start of the run that it is for, or, if that was just being
 * requeued, the next count. Where nothing is at work, slurmctld has forgotten that it had requeued the job.
 */
export const isNewerAtWork = (job: Job, record: JobRecord | undefined): boolean =>
  jobHasProcesses(job.id) &&
  ((record !== undefined && record.restarts > job.restarts) ||
    allProcesses().some(({ pid }) => isNewerAgent(claimsOf(pid), job)));

/** The agent, and what it started for the job outside the job's cgroup, which Slurm does not know. */
export async function endLeftovers(job: Job): Promise<void> {
  const pids = allProcesses().map(({ pid }) => pid);
  const agents = pids.filter((pid) => isAgent(claimsOf(pid), job));
  for (const pid of agents) sendSignal(pid, 'SIGTERM');
  for (let tries = 0; tries < 100 && agents.some(isAlive); tries += 1) await sleep(20);
  for (const pid of pids) {
    const claims = claimsOf(pid);
    if (isAgent(claims, job) || worksForAgent(claims, job)) sendSignal(pid, 'SIGKILL');
  }
}

/** Whether this is the agent of a run that began after the one whose Epilog this is. */
export function isNewerAgent(claims: Claims, job: Job): boolean {
  if (!isAgent(claims, job)) return false;
  const its = jobOfProlog(
    Object.fromEntries(claims.environment.map((entry) => entry.split(/=(.*)/s, 2))),
  );
  return (
    its.restarts > job.restarts ||
    (its.startedAt !== undefined && job.startedAt !== undefined && its.startedAt > job.startedAt)
  );
}

/** Root's own, with the environment that the Prolog gave it. A set-uid program can be told to look like it, but it is not Node. */
export const isAgent = ({ uids, program, argv, environment }: Claims, job: Job): boolean =>
  uids.length > 0 &&
  uids.every((uid) => uid === 0) &&
  basename(program).startsWith('node') &&
  argv.some((word) => word.endsWith('/lib/agent.js')) &&
  environment.includes(`SLURM_JOB_ID=${job.id}`);

/** criu and its action script carry the run folder in their environment. So may any process; one of another user is no concern of this job's. */
export const worksForAgent = ({ uids, environment }: Claims, job: Job): boolean =>
  uids.length > 0 &&
  uids.every((uid) => uid === job.uid) &&
  environment.includes(`CHECKPOINTER_RUN=${runFolder(job.id).path}`);

const claimsOf = (pid: number): Claims => ({
  uids: numbersOf(statusOf(String(pid))?.get('Uid')),
  program: linkOf(`${pid}/exe`) ?? '',
  argv: wordsOf(readProc(`${pid}/cmdline`)),
  environment: wordsOf(readProc(`${pid}/environ`)),
});

const wordsOf = (text: string | undefined): string[] => (text ?? '').split('\0');

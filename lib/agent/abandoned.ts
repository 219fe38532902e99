import { readdirSync, statSync } from 'node:fs';

import type { SiteConfig } from '../config.ts';
import type { Job } from '../job.ts';
import { RUN_ROOT, runFolder } from '../layout.ts';
import { Controller, isCompleting, type JobNow } from '../slurm/control.ts';
import { jobHasProcesses } from '../system/cgroup.ts';
import { isAlive } from '../system/proc.ts';
import { syslog } from '../system/syslog.ts';
import { removeLeft, setAside } from './left-behind.ts';
import { hasNoResults, readRecord, writeRecord, type JobRecord } from './record.ts';

/** Of a job that Slurm no longer knows no Epilog comes any more after this time; nor is one still at work. */
const FORGOTTEN_MS = 60 * 60_000;

/**
 * Removes what runs have left on this node for which no Epilog came: Slurm sends none to a node that it had lost sight of when they ended.
 * What somebody may still want stays, and syslog says where.
 * @param job the one whose agent this is
 */
export async function removeAbandoned(config: SiteConfig, job: Job): Promise<void> {
  for (const name of readdirSync(RUN_ROOT)) {
    const id = Number(name);
    if (!/^\d+$/.test(name) || id === job.id) continue;
    const record = abandoned(id);
    if (!record) continue;
    const site = { path: config.path, slurmConf: job.slurmConf };
    const now = await new Controller(id, site).job();
    const silentMs = Date.now() - changedAt(id);
    const due = dueFor(record, now, silentMs);
    // Nothing comes between these lines but another process: an agent of the job's next run here, which makes the folder anew.
    if (due === 'waiting' || abandoned(id)?.restarts !== record.restarts) continue;
    if (due === 'removal') await removeLeft(setAside({ ...job, id }, record), config);
    else await sayWhatStays({ ...job, id }, record, config);
  }
}

/** Once: from then on they count as kept. */
async function sayWhatStays(job: Job, record: JobRecord, config: SiteConfig): Promise<void> {
  await syslog(
    'warning',
    `job ${job.id} ended on ${job.nodeName}, where no Epilog has come to its end since: its results stay in ${record.scratch}`,
    config.path,
  );
  writeRecord(runFolder(job.id).record, { ...record, results: 'kept' });
}

/** What a run has noted of itself whose agent is gone, and all of whose processes are. */
function abandoned(id: number): JobRecord | undefined {
  const record = readRecord(runFolder(id).record);
  return record && !isAlive(record.agentPid) && !jobHasProcesses(id) ? record : undefined;
}

const changedAt = (id: number): number =>
  statSync(runFolder(id).record, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();

/**
 * What is due for what a run has left: nothing while an Epilog or somebody else may still have a use for it; its removal; or, where nobody
 * comes for its results any more, a word of where they are.
 * @param now undefined when the controller no longer knows the job, or does not answer
 * @param silentMs for how long the run has noted nothing
 */
export function dueFor(
  record: JobRecord,
  now: JobNow | undefined,
  silentMs: number,
): 'waiting' | 'removal' | 'a word' {
  const runsAgain = now !== undefined && now.restarts > record.restarts;
  // An Epilog is on its way, or will be when the controller has heard that the run has ended.
  if (now && (isCompleting(now) || isUnderWay(now, runsAgain))) return 'waiting';
  const hasTime = silentMs < FORGOTTEN_MS;
  if (!now && hasTime) return 'waiting';
  if (runsAgain || hasNoResults(record)) return 'removal';
  // Slurm may have given an Epilog up that is still at work.
  return hasTime || record.scratch === null || record.results === 'kept' ? 'waiting' : 'a word';
}

const isUnderWay = ({ states }: JobNow, runsAgain: boolean): boolean =>
  !runsAgain && states.some((state) => state === 'RUNNING' || state === 'SUSPENDED');

import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { SiteConfig } from '../config.ts';
import { saysMissing } from '../errors.ts';
import type { Job } from '../job.ts';
import { RUN_ROOT } from '../layout.ts';
import { removeUsersFolder } from '../scratch/users-folder.ts';
import { Controller, type JobNow } from '../slurm/control.ts';
import { asUser } from '../system/identity.ts';
import { bootId } from '../system/proc.ts';
import { run } from '../system/run.ts';
import { syslog } from '../system/syslog.ts';
import { claimOf, give, take } from './claim.ts';

/**
 * Beside a job's folder, root's: the boot in which an agent took it into use. The Epilog removes it, whatever becomes of the folder; so
 * one of another boot says that the node lost its power under the job.
 */
const markOf = (root: string, jobId: number): string => join(root, `.${jobId}.boot`);

export function markInUse(root: string, jobId: number): void {
  writeFileSync(markOf(root, jobId), bootId(), { mode: 0o600 });
}

export function unmark(root: string, jobId: number): void {
  rmSync(markOf(root, jobId), { force: true });
}

/** What a job's folder is called when it is only to be removed: if the node fails meanwhile, by the next sweep. */
export const doomedName = (jobId: number, restarts?: number): string =>
  `.${[jobId, ...(restarts === undefined ? [] : [restarts])].join('.')}.swept`;
const DOOMED = /^\.[\d.]+\.swept$/;

/**
 * Removes what jobs had on this node when it lost its power. Done once a boot, by the first agent; by the next one, when that was ended
 * before it had got to the end.
 */
export async function sweepAfterPowerCut(config: SiteConfig, job: Job): Promise<void> {
  const swept = join(RUN_ROOT, 'swept');
  const sweeping = join(RUN_ROOT, 'sweeping');
  const claim = claimOf(process.pid);
  if (existsSync(swept) || !take(sweeping, claim)) return;
  try {
    for (const root of [config.scratch, config.staging]) {
      if (root !== 'none') await sweepRoot(root, config, job);
    }
    writeFileSync(swept, '', { mode: 0o600 });
  } finally {
    give(sweeping, claim);
  }
}

async function sweepRoot(root: string, config: SiteConfig, job: Job): Promise<void> {
  for (const name of readdirSync(root)) {
    if (DOOMED.test(name)) await removeOnceUsed(join(root, name), config);
    const [, id] = /^\.(\d+)\.boot$/.exec(name) ?? [];
    if (id === undefined || !isOfEarlierBoot(join(root, name))) continue;
    const controller = new Controller(Number(id), {
      path: config.path,
      slurmConf: job.slurmConf,
    });
    // Without a folder nobody has lost anything; the node's first Prolog has removed it when it was empty.
    const useless =
      root === config.staging || !existsSync(join(root, id)) || isUseless(await controller.job());
    await sweepFolder(root, Number(id), useless, config);
  }
}

/** False also when there is none any more: its job has just ended. */
function isOfEarlierBoot(mark: string): boolean {
  try {
    return readFileSync(mark, 'utf8') !== bootId();
  } catch (error) {
    if (saysMissing(error)) return false;
    throw error;
  }
}

async function sweepFolder(
  root: string,
  jobId: number,
  useless: boolean,
  config: SiteConfig,
): Promise<void> {
  const folder = join(root, String(jobId));
  if (!useless) {
    await syslog(
      'warning',
      `job ${jobId} was on this node when it lost its power, and did not go on: what it had in TMPDIR stays in ${folder}`,
      config.path,
    );
    return;
  }
  const doomed = join(root, doomedName(jobId));
  // Nothing comes between these lines but another process: the job itself, when it is started here again, marks the folder first.
  if (!isOfEarlierBoot(markOf(root, jobId))) return;
  unmark(root, jobId);
  if (moved(folder, doomed)) await removeOnceUsed(doomed, config);
}

/** Renames a folder; false when there is none. */
export function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (saysMissing(error)) return false;
    throw error;
  }
}

/** Removes a folder that was a user's, as that user. */
export async function removeOnceUsed(folder: string, config: SiteConfig): Promise<void> {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (!stat || stat.uid === 0) return;
  const owner = asUser({ uid: stat.uid, gid: stat.gid, groups: [] }, { path: config.path });
  await removeUsersFolder(
    folder,
    async (...argv) =>
      run([...owner, ...argv], { deadlineMs: config.delivery_limit * 1000, path: config.path }),
    config,
  );
}

/** A job that Slurm has started again, or is about to, has what it needs in its checkpoints, or begins anew. */
const isUseless = (now: JobNow | undefined): boolean =>
  now !== undefined && (now.restarts > 0 || now.states.includes('PENDING'));

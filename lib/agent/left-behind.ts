import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { SiteConfig } from '../config.ts';
import type { Job } from '../job.ts';
import { runFolder, runFolderAt, type RunFolder } from '../layout.ts';
import { removeIfEmpty } from '../scratch/users-folder.ts';
import type { JobRecord } from './record.ts';
import { doomedName, moved, removeOnceUsed, unmark } from './sweep.ts';

/** What a run had on this node, under names that no other run of the job uses. */
export type LeftBehind = { readonly run: string; readonly folders: readonly string[] };

/**
 * Takes what a run has on this node out of the way of a later one. For a run that was cut off and whose job went on elsewhere, for which no
 * Epilog comes. To be called while its supervisor lives: until then slurmd starts no other run of the job here (`_launch_job_test`:
 * docs/notes/slurm.md), so that all of this is still this run's; afterwards nobody could tell. Renames only, which takes no time.
 */
export function setAside(job: Job, record: JobRecord): LeftBehind {
  const aside = (path: string): string => join(dirname(path), doomedName(job.id, record.restarts));
  const mine = runFolder(job.id);
  rmSync(mine.asked, { force: true });
  const folders = [record.scratch, record.staging].flatMap((folder) => {
    if (folder === null) return [];
    unmark(dirname(folder), job.id);
    return moved(folder, aside(folder)) ? [aside(folder)] : [];
  });
  moved(mine.path, aside(mine.path));
  return { run: aside(mine.path), folders };
}

/** Removes what was set aside, when nothing of the run is at work any more. */
export async function removeLeft(left: LeftBehind, config: SiteConfig): Promise<void> {
  for (const folder of left.folders) await removeOnceUsed(folder, config);
  await removeRunFolder(runFolderAt(left.run), config);
}

export async function removeRunFolder(folder: RunFolder, config: SiteConfig): Promise<void> {
  await removeOnceUsed(folder.user, config);
  // Root's own files, one by one, and the folder when it is empty: what the user's other jobs may still put into his part, root does not
  // walk through.
  for (const file of [
    folder.record,
    `${folder.record}.new`,
    folder.socket,
    folder.resumed,
    folder.verdict,
  ]) {
    rmSync(file, { force: true });
  }
  await removeIfEmpty(folder.path, config);
}

import { chmodSync, chownSync, lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

import { Refusal } from '../errors.ts';
import { syslog } from '../system/syslog.ts';

/** Makes the node's scratch folder, which must be root's alone, so that nobody can take a job's place in it. */
export function prepareScratchRoot(folder: string): void {
  // Hooks run with a narrow umask; users have to get through to their own folders.
  if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o711);
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
    throw new Refusal(`scratch = ${folder} must be a folder that only root can write`);
  }
}

/**
 * Makes the job's own folder in it; one that an earlier run of the same job left is taken over. Numbers of jobs come again: one with
 * contents of another user's stays his, under another name.
 */
export function makeScratch(
  root: string,
  jobId: number,
  owner: { uid: number; gid: number },
): string {
  prepareScratchRoot(root);
  const folder = join(root, String(jobId));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!lstatSync(folder).isDirectory()) throw error;
    if (lstatSync(folder).uid !== owner.uid) {
      putAside(folder);
      mkdirSync(folder, { mode: 0o700 });
    }
  }
  chownSync(folder, owner.uid, owner.gid);
  return folder;
}

/** Only root can write where it lies, so nobody changes what it is in between. */
function putAside(folder: string): void {
  try {
    rmdirSync(folder); // empty: nobody misses it
  } catch {
    const aside = `${folder}.left-${Date.now()}`;
    renameSync(folder, aside);
    void syslog(
      'warning',
      `${folder} was another user's, of an earlier job of the same number: it is ${aside} now, to be kept or removed by the admin`,
    );
  }
}

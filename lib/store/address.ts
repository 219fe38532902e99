// Where a job's checkpoints are: a folder for each job, named for its cluster too, for several may share a file system.
import path from 'node:path';
import fse from 'fs-extra';
import type { Job } from '../job.ts';

/** What a folder is called that is made for checkpoints, and goes with the last of them. */
export const OURS = '.checkpointer';

/** `home` is there before any checkpoint is: where it is missing nobody can tell what the store holds. */
export type Address = { readonly folder: string; readonly home: string };

type Named = Pick<Job, 'id' | 'user' | 'cluster' | 'restarts'>;

/** Where a job's owner has chosen the place. */
export const ownStore = async (directory: string, job: Named): Promise<Address> => ({
  folder: await folderIn(path.join(directory, `${OURS}-${job.user}`), job),
  home: directory,
});

/** In the site's directory %w is the job's working directory, %u its user. */
export const siteStore = async (directory: string, job: Named & Pick<Job, 'workDirectory'>): Promise<Address> => ({
  folder: await folderIn(directory.replaceAll('%w', () => job.workDirectory).replaceAll('%u', job.user), job),
  home: directory.startsWith('%w') ? job.workDirectory : directory.replace(/\/[^/]*%u.*/, '') || '/',
});

/** A job that was saved before the folder's name had the cluster in it goes on from there. */
async function folderIn(parent: string, { cluster, id, restarts }: Named): Promise<string> {
  const [folder, older] = [path.join(parent, `${cluster}-${id}`), path.join(parent, String(id))];
  return restarts > 0 && !(await fse.pathExists(folder)) && (await fse.pathExists(older)) ? older : folder;
}

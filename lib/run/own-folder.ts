// Folders of a job's own where everybody may make some. Beside each lies the name of the node that made it: what a lost run left
// there goes with the user's next job on that node, and on no other, should the place be one that several nodes share.
import { constants, existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { runFolder } from '../run-folder.ts';
import { removeTree } from '../system/remove.ts';

const MARK = /^\.(checkpoint-(\d+)(?:-images)?)\.node$/;
const markOf = (folder: string): string => path.join(path.dirname(folder), `.${path.basename(folder)}.node`);

/** Anew, and nobody else can look into it. */
export async function makeOwn(folder: string): Promise<void> {
  await sweep(path.dirname(folder)).catch(() => {});
  await removeOwn(folder);
  await mkdir(folder, { mode: 0o700 }); // fails if it is there again: /tmp is everybody's
  const { uid, mode } = await lstat(folder);
  if (uid !== process.getuid?.() || (mode & 0o777) !== 0o700) throw new Error(`${folder} belongs to somebody else`);
  await mark(folder).catch(() => {}); // then it stays, should its run be lost
}

export async function removeOwn(folder: string): Promise<void> {
  await removeTree(folder);
  await rm(markOf(folder), { force: true }).catch(() => {}); // somebody else's
}

/** If it was made on this node: where several share the place, a later run may have made it anew on another. */
export async function removeMadeHere(folder: string): Promise<void> {
  if (await isOurs(markOf(folder))) await removeOwn(folder);
}

/** Not where somebody has laid a file, or a link, of that name. */
async function mark(folder: string): Promise<void> {
  await using file = await open(markOf(folder), 'wx', 0o600);
  await file.writeFile(hostname());
}

/** A job that is here has a run folder, which does not outlive its run, or the node's start. */
async function sweep(parent: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    const [, name, id] = MARK.exec(entry) ?? [];
    if (name === undefined || existsSync(runFolder(Number(id)).path) || !(await isOurs(path.join(parent, entry))))
      continue;
    await removeOwn(path.join(parent, name)).catch(() => {}); // by the next one
  }
}

/** This user's, made on this node. */
async function isOurs(file: string): Promise<boolean> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return (await handle.stat()).uid === process.getuid?.() && (await handle.readFile('utf8')) === hostname();
  } catch {
    return false;
  }
}

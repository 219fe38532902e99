// Whether there is room for one more checkpoint: what is known not to fit is not begun, for the job would stand still for it.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../system/exec.ts';
import { memoryOfTree } from '../system/proc.ts';

type Room = {
  /** All in bytes: what a checkpoint needs at least, what is free where it goes, what this user has there already. */
  readonly needed: number;
  readonly free: number;
  readonly used: number;
  /** The site's, for each user; Infinity: none. */
  readonly limit: number;
};

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const amount = (bytes: number): string =>
  bytes < GIB ? `${Math.round(bytes / MIB)} MiB` : `${(bytes / GIB).toFixed(bytes < 10 * GIB ? 1 : 0)} GiB`;

/** Why there is none. */
export function objectionToRoom({ needed, free, used, limit }: Room): string | undefined {
  if (needed > free)
    return `it takes ${amount(needed)} or more, and ${amount(free)} are free where checkpoints are kept`;
  if (used + needed > limit)
    return `it takes ${amount(needed)} or more, and of the ${amount(limit)} that this site allows each user for checkpoints ${amount(used)} are taken`;
  return undefined;
}

/** A share that hangs doesn't say how much it holds, and a large one takes long. */
const PATIENCE_SECONDS = 60;

/**
 * Quotas are not seen: they show when they are reached. Undefined also where nobody can tell.
 * @param folder of the job's checkpoints, which may not be there yet; the user's others are beside it
 */
export async function lacksRoom(root: number, folder: string, limit: number): Promise<string | undefined> {
  const needed = memoryOfTree(root);
  const parent = path.dirname(folder);
  const status = await statfs(parent).catch(() => undefined);
  const free = status ? status.bavail * status.bsize : Infinity;
  const used = limit === Infinity ? 0 : await usedIn(parent);
  return objectionToRoom({ needed, free, used, limit });
}

async function usedIn(folder: string): Promise<number> {
  const du = ['du', '--summarize', '--block-size=1', '--', folder];
  const { stdout } = await run(du, { deadlineSeconds: PATIENCE_SECONDS });
  return Number.parseInt(stdout, 10) || 0;
}

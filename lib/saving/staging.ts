// Where CRIU writes the memory of a tree that runs on: fast, on the node, and moved to the store while the job runs.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { makeOwn, removeOwn } from '../run/own-folder.ts';
import { mirror } from '../system/copy.ts';
import { memoryOfTree } from '../system/proc.ts';

export type StagingSite = {
  /** Every user may write there; or "none". */
  readonly folder: string;
  /** Bytes: a larger job's memory goes straight to the store. */
  readonly limit: number;
};

/** Removed at the end of its scope. */
export type Staged = AsyncDisposable & {
  readonly images: string;
  /** Stops, and throws, where the tree ends meanwhile: nobody needs the checkpoint then. */
  moveTo(images: string, ended: Promise<unknown>): Promise<void>;
};

/** Undefined where there is no staging, or not enough of it: straight to the store. */
export async function stage({ folder, limit }: StagingSite, job: number, root: number): Promise<Staged | undefined> {
  const needed = memoryOfTree(root);
  if (folder === 'none' || needed > limit) return undefined;
  const images = path.join(folder, `checkpoint-${job}-images`);
  try {
    const { bavail, bsize } = await statfs(folder);
    if (needed > bavail * bsize) return undefined;
    await makeOwn(images);
  } catch {
    return undefined;
  }
  return {
    images,
    async moveTo(to, ended) {
      const over = new AbortController();
      void ended.then(() => over.abort());
      const copied = await mirror({ from: images, to }, over.signal);
      if (over.signal.aborted) throw new Error('the job came to its end meanwhile');
      if (copied.kind === 'failed') throw new Error(`it could not be moved to the store: ${copied.reason}`);
    },
    [Symbol.asyncDispose]: async () => removeOwn(images),
  };
}

// A checkpoint that is being written, and its commit.
import path from 'node:path';
import fse from 'fs-extra';
import { removeTree } from '../system/remove.ts';
import type { Checkpoint } from './checkpoint.ts';
import { syncFile, syncMeanwhile, syncTree } from './durable.ts';
import { manifestOf, readManifest, writeManifest, type Facts, type Manifest } from './manifest.ts';
import { generationOf } from './names.ts';
import type { Hashes } from './seal.ts';

export type Draft = Checkpoint &
  AsyncDisposable & {
    /** Before the commit, which does so in any case: what is on disk by then costs the job no time. */
    sync(): Promise<void>;
    imagesWritten<T>(writing: Promise<T>): Promise<T>;
    /** @param mayCommit asked at the last moment: throws if it must not be */
    commit(facts: Omit<Facts, 'files'>, mayCommit: () => void): Promise<void>;
  };

type Around = {
  readonly folder: string;
  readonly hashes: Hashes;
  /** Removes older generations. */
  readonly prune: (keep: number) => Promise<void>;
};

/** Gone again at the end of its scope, unless committed. */
export async function draftIn(draft: Checkpoint, { folder, hashes, prune }: Around): Promise<Draft> {
  await removeTree(draft.path); // an attempt of this run's, cut short
  for (const part of [draft.path, draft.images, draft.tmpdir]) await fse.mkdir(part, { mode: 0o700 });
  return {
    ...draft,
    sync: async () => syncTree(draft.path),
    imagesWritten: async (writing) => syncMeanwhile(draft.images, writing),
    commit: async (facts, mayCommit) => {
      const [files] = await Promise.all([hashes.list(draft.path), syncTree(draft.path)]);
      await seal(draft, manifestOf({ ...facts, files }, new Date()));
      mayCommit();
      await commit(draft, folder);
      await prune(facts.options.keep).catch(() => {}); // the next commit tries again
    },
    [Symbol.asyncDispose]: async () => removeTree(draft.path),
  };
}

/** C2: images, manifest and folders are on disk before the rename. */
async function seal(draft: Checkpoint, manifest: Manifest): Promise<void> {
  await writeManifest(draft.path, manifest);
  await syncTree(draft.path);
}

async function commit(draft: Checkpoint, folder: string): Promise<void> {
  const final = path.join(folder, generationOf(draft.number));
  await fse.rename(draft.path, final); // ← the checkpoint exists from here on
  try {
    await syncFile(folder);
    await verify(final); // C3, C4: before the tree ends, or an older generation goes
  } catch (error) {
    await fse.rename(final, draft.path); // or not: whoever ends the tree must know that it does
    throw error;
  }
}

/** That it is there as it was written; its contents are compared before a restore. */
async function verify(final: string): Promise<void> {
  const found = await readManifest(final);
  if (found.kind !== 'found') throw new Error(`the checkpoint can't be read back (${final})`);
}

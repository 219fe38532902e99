// The generations of a job's checkpoints: FOLDER/1, 2, 3 …, each complete or not there.
import path from 'node:path';
import fse from 'fs-extra';
import { removeTree } from '../system/remove.ts';
import type { Address } from './address.ts';
import { checkpointAt, type Checkpoint } from './checkpoint.ts';
import { draftIn, type Draft } from './draft.ts';
import { syncFile } from './durable.ts';
import { list, namesIn } from './folder.ts';
import { readManifest, type Found } from './manifest.ts';
import { badOf, draftOf, generationOf, listed, nextNumber, TRIES, TRIES_DRAFT } from './names.ts';
import { MARKS, type Hashes } from './seal.ts';

export const generationsIn = (address: Address, hashes: Hashes) => ({
  /** Newest first. Throws when the folder can't be read, or could not be there. */
  async generations(): Promise<Checkpoint[]> {
    const { generations } = await list(address);
    return generations.map((number) => checkpointAt(address.folder, generationOf(number), number)).toReversed();
  },

  /** Gone again at the end of its scope, unless committed. */
  async draft(run: number): Promise<Draft> {
    const { folder } = address;
    const number = nextNumber(await list(address));
    await fse.mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = checkpointAt(folder, draftOf(number, run), number);
    return draftIn(draft, { folder, hashes, prune: async (keep) => prune(folder, keep) });
  },

  /**
   * What is wrong with it, if anything is. Throws when it can't be read: then nobody knows.
   * @param limit bytes that are read at most
   */
  async inspect({ path: generation }: Checkpoint, limit: number): Promise<Found> {
    const found = await readManifest(generation);
    if (found.kind !== 'found' || found.manifest.files === undefined) return found;
    const damage = await hashes.damage(generation, found.manifest.files, limit);
    return damage === undefined ? found : { kind: 'damaged', reason: damage };
  },

  /** R7: no later run may take it for a good one. */
  async passOver({ path: generation, number }: Checkpoint): Promise<void> {
    await fse.rename(generation, path.join(address.folder, badOf(number)));
    await syncFile(address.folder);
  },

  /** Of a job that is over. What else is there stays. */
  async removeCheckpoints(): Promise<void> {
    const { generations, bad, partials } = listed(await namesIn(address.folder));
    const all = [...generations.map(generationOf), ...bad.map(badOf), ...partials, MARKS, TRIES, TRIES_DRAFT];
    for (const name of all) await removeTree(path.join(address.folder, name));
  },
});

/** C4: called once the new one is committed and verified. */
async function prune(folder: string, keep: number): Promise<void> {
  const { generations } = listed(await namesIn(folder));
  for (const number of generations.slice(0, -keep)) await removeTree(path.join(folder, generationOf(number)));
}

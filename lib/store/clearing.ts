// What goes from a job's folder, and when.
import path from 'node:path';
import fse from 'fs-extra';
import { removeTree } from '../system/remove.ts';
import { OURS, type Address } from './address.ts';
import { list, namesIn } from './folder.ts';
import { claimOf, ENDED, releasedOf, RESULTS, sweptOf, UNDONE, type Listing } from './names.ts';

export const clearingIn = (address: Address) => ({
  /** R4: what an older run still has under way can't become a checkpoint after this. Its claim goes, too: nobody is older. */
  async sweep(run: number): Promise<void> {
    const { partials, claims, traces } = await list(address);
    for (const name of partials)
      await sweepAway(path.join(address.folder, name), path.join(address.folder, sweptOf(name)));
    const older = claims.filter((each) => each.run < run).map(nameOf);
    const others = traces.filter((each) => each.run < run).map(({ name }) => name);
    for (const name of [...older, ...others]) await fse.remove(path.join(address.folder, name));
  },

  /** Of a job of which no run can begin any more. */
  async forget(): Promise<void> {
    for (const name of await namesIn(address.folder))
      if (name === ENDED || /^(run|beat)\./.test(name)) await fse.remove(path.join(address.folder, name));
    await removeIfEmpty(address.folder);
  },

  /** Of another job that had this number. */
  clear: async (): Promise<void> => clear(address.folder),

  removeIfEmpty: async (): Promise<void> => removeIfEmpty(address.folder),
});

const OUTLIVING = new Set([RESULTS, UNDONE]);

const nameOf = ({ run, released }: Listing['claims'][number]): string => (released ? releasedOf(run) : claimOf(run));

async function clear(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) if (!OUTLIVING.has(name)) await removeTree(path.join(folder, name));
}

async function removeIfEmpty(folder: string): Promise<void> {
  await fse.rmdir(folder).catch(() => {});
  const above = path.dirname(folder); // other jobs may share it
  if (path.basename(above).startsWith(OURS)) await fse.rmdir(above).catch(() => {});
}

async function sweepAway(partial: string, swept: string): Promise<void> {
  await fse.rename(partial, swept);
  await removeTree(swept);
}

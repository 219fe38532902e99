// Who may write a job's files, and whether the job is over.
import path from 'node:path';
import fse from 'fs-extra';
import { removeTree } from '../system/remove.ts';
import { OURS, type Address } from './address.ts';
import { beat, claim, readClaim, release, type Claim, type Claimant } from './claims.ts';
import { readEnded, writeEnded, type Ended } from './ended.ts';
import { list, mustBeThere, namesIn } from './folder.ts';
import { claimOf, releasedOf, RESULTS, sweptOf, UNDONE, type Listing } from './names.ts';

/** What a fresh look at a job's folder shows. */
export type Seen = {
  readonly listing: Listing;
  /** Of runs that have not been released; `claim` is undefined where it can't be understood. */
  readonly unreleased: readonly { readonly run: number; readonly claim: Claim | undefined }[];
  readonly ended: Ended | undefined;
};

export const runsIn = (address: Address) => ({
  /** Throws when the folder can't be read, or could not be there. */
  async look(): Promise<Seen> {
    const listing = await list(address);
    const waiting = listing.claims.filter(({ released }) => !released);
    const unreleased = await Promise.all(
      waiting.map(async ({ run }) => ({ run, claim: await readClaim(address.folder, run) })),
    );
    return { listing, unreleased, ended: listing.ended ? await readEnded(address.folder) : undefined };
  },

  /** Throws when the store can't be written to. */
  async claim(claimant: Claimant): Promise<'claimed' | 'taken'> {
    await mustBeThere(address.home);
    await fse.mkdir(address.folder, { recursive: true, mode: 0o700 });
    return claim(address.folder, claimant);
  },

  release: async (run: number): Promise<void> => release(address.folder, run),

  list: async (): Promise<Listing> => list(address),

  /** Throws, or hangs, where the server doesn't answer. */
  beat: async (run: number): Promise<void> => beat(address.folder, run),

  /** R4: what an older run still has under way can't become a checkpoint after this. Its claim goes, too: nobody is older. */
  async sweep(run: number): Promise<void> {
    const { partials, claims, traces } = await list(address);
    for (const name of partials)
      await sweepAway(path.join(address.folder, name), path.join(address.folder, sweptOf(name)));
    const older = claims.filter((each) => each.run < run).map(nameOf);
    const others = traces.filter((each) => each.run < run).map(({ name }) => name);
    for (const name of [...older, ...others]) await fse.remove(path.join(address.folder, name));
  },

  end: async (ended: Ended): Promise<void> => writeEnded(address.folder, ended),

  /** When anything in the folder was last made, renamed or removed: seconds since the epoch, by the share's clock. */
  changedAt: async (): Promise<number> => (await fse.stat(address.folder)).mtimeMs / 1000,

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

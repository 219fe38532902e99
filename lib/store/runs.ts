// Who may write a job's files, and whether the job is over.
import fse from 'fs-extra';
import type { Address } from './address.ts';
import { beat, claim, readClaim, release, type Claim, type Claimant } from './claims.ts';
import { readEnded, writeEnded, type Ended } from './ended.ts';
import { list, mustBeThere } from './folder.ts';
import type { Listing } from './names.ts';

/** What a fresh look at a job's folder shows. */
export type Seen = {
  readonly listing: Listing;
  /** Of runs that have not been released; `claim` is undefined where it can't be understood. */
  readonly unreleased: readonly { readonly run: number; readonly claim: Claim | undefined }[];
  readonly ended: Ended | undefined;
};

export const runsIn = (address: Address) => ({
  /** For a job that has run before: throws where nothing shows that anything ever was here, as in an empty mount point. */
  async mustBeMounted(): Promise<void> {
    await mustBeThere(address.home);
    if ((await fse.readdir(address.home)).length === 0)
      throw new Error(`${address.home} is empty on this node, as where nothing is mounted`);
  },

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

  end: async (ended: Ended): Promise<void> => writeEnded(address.folder, ended),

  /** When anything in the folder was last made, renamed or removed: seconds since the epoch, by the share's clock. */
  changedAt: async (): Promise<number> => (await fse.stat(address.folder)).mtimeMs / 1000,
});

// tries.json: nodes on which the job could not be restored since it last ran, and what its owner had excluded before we did. Written
// by the run that has the job, behind its gate. And runs that never came to their gate, for want of a Prolog.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import type { Address } from './address.ts';
import { namesIn } from './folder.ts';
import { TRIES, TRIES_DRAFT, withoutPrologOf } from './names.ts';

const Tries = v.object({
  /** One that Slurm could not exclude may be there more than once. */
  nodes: v.array(v.string()),
  /** ExcNodeList as the job's owner had it: empty if they excluded nothing. */
  owners: v.string(),
  /** And as we have set it since. */
  ours: v.string(),
});
export type Tries = Readonly<v.InferOutput<typeof Tries>>;

export const triesIn = ({ folder }: Address) => ({
  /** Undefined: none. Throws when that can't be known. */
  async tries(): Promise<Tries | undefined> {
    try {
      return v.parse(Tries, JSON.parse(await readFile(path.join(folder, TRIES), 'utf8')));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },

  /** Not synced: what a power cut takes away is no more than one try too many. */
  async countTry(tries: Tries): Promise<void> {
    const draft = path.join(folder, TRIES_DRAFT);
    await writeFile(draft, JSON.stringify(tries), { mode: 0o600 });
    await rename(draft, path.join(folder, TRIES));
  },

  /**
   * Noted, unless the run before had no Prolog either. Only a later run's sweep removes it: it goes before a claim.
   * @returns whether it was. Throws when the store can't be written to.
   */
  async goesWithoutProlog(run: number): Promise<boolean> {
    if ((await namesIn(folder)).includes(withoutPrologOf(run - 1))) return false;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path.join(folder, withoutPrologOf(run)), '', { mode: 0o600 });
    return true;
  },

  async forgetTries(): Promise<void> {
    for (const name of [TRIES, TRIES_DRAFT]) await rm(path.join(folder, name), { force: true });
  },
});

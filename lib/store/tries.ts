// tries.json: nodes on which the job could not be restored since it last ran, and what its owner had excluded before we did. Written
// by the run that has the job, behind its gate.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import type { Address } from './address.ts';
import { TRIES, TRIES_DRAFT } from './names.ts';

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

  async forgetTries(): Promise<void> {
    for (const name of [TRIES, TRIES_DRAFT]) await rm(path.join(folder, name), { force: true });
  },
});

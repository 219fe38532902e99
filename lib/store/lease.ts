import { join } from 'node:path';

import * as v from 'valibot';

import { readJson, replaceJson } from './durable.ts';

/**
 * Who may run a job, written in its store, so that two copies of it never write at once when a node is cut off from the controller but
 * not from the store. The run that holds it beats; a newer run claims it, and begins when the older one has released it or cannot hold
 * it any longer, for a run that can neither beat nor ask the controller stops before its lease has run out.
 */
const Lease = v.object({
  /** The run's number: how often the job had been requeued before it. */
  run: v.number(),
  /** Which of several runs with this number: a slurmctld that was killed, and has come back with an older state, starts one once more. */
  token: v.optional(v.string()),
  node: v.string(),
  /** Of the node's present boot: another one means that the holder died with it. */
  boot: v.string(),
  state: v.picklist(['held', 'released']),
  beat: v.number(),
});
export type Lease = v.InferOutput<typeof Lease>;

const Claim = v.pick(Lease, ['run', 'token']);
/** Of one run, wherever it is. */
export type RunName = v.InferOutput<typeof Claim>;

/** Whether a claim or a lease is of a run that has begun after this one, which it names. Of two with the same number, who comes upon the other's is the older. */
export const isNewer = (theirs: RunName, mine: RunName): boolean =>
  theirs.run > mine.run || (theirs.run === mine.run && theirs.token !== mine.token);

const LEASE = 'lease.json';
const CLAIM = 'claim.json';

export class LeaseFile {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined when no run has ever held it, or what is there cannot be read as a lease. */
  async read(): Promise<Lease | undefined> {
    return readJson(join(this.#folder, LEASE), Lease);
  }

  async write(lease: Lease): Promise<void> {
    await replaceJson(join(this.#folder, LEASE), lease);
  }

  /** The newest run that wants the job. */
  async claimant(): Promise<RunName | undefined> {
    return readJson(join(this.#folder, CLAIM), Claim);
  }

  async claim(name: RunName): Promise<void> {
    await replaceJson(join(this.#folder, CLAIM), name);
  }
}

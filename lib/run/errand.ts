// What is left to do for a run, in its run folder: for the Epilog, should the supervisor be killed before it is done.
import { readFile, rename, writeFile } from 'node:fs/promises';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import type { RunFolder } from '../run-folder.ts';
import { OutputFile } from './output.ts';

const Requeue = v.object({
  as: v.picklist(['eligible', 'held']),
  /** As what Slurm had the job before. */
  of: v.picklist(['running', 'ended']),
});
export type Requeue = Readonly<v.InferOutput<typeof Requeue>>;
/** As Slurm counts a requeue of a running job's, or its preemption: at once. */
export const COUNTED: Requeue = { as: 'eligible', of: 'running' };

const Errand = v.object({
  scratch: v.string(),
  store: v.string(),
  // Of a run that began before an upgrade.
  scratchIsOurs: v.exactOptional(v.boolean(), true),
  home: v.exactOptional(v.string(), '/'),
  output: v.exactOptional(OutputFile),
  resultFolder: v.exactOptional(v.string()),
  /** Of a run that has claimed the job, and has to release it. */
  claim: v.exactOptional(v.object({ run: v.number(), node: v.string() })),
  /** A run that has not come through its gate, and has nothing to deliver: an older one may be at it, and checkpoints are there. */
  entering: v.exactOptional(v.number()),
  /** Only the release is left: this run is not the job's end, or all of that is done. */
  settled: v.exactOptional(v.boolean(), false),
  /** Slurm counts another run of the job, or was asked for one: whether that comes to be, and stays, is still to be seen. */
  requeue: v.exactOptional(Requeue),
  /** The same, of a run that began before an upgrade. */
  requeued: v.exactOptional(v.boolean()),
});
export type Errand = Readonly<Omit<v.InferOutput<typeof Errand>, 'requeued'>>;

/** Whole, or as it was: its writer may be killed at any moment. */
export async function writeErrand({ errand }: RunFolder, what: Errand): Promise<void> {
  await writeFile(`${errand}.new`, JSON.stringify(what));
  await rename(`${errand}.new`, errand);
}

/** Undefined when there is none. */
export async function readErrand({ errand }: RunFolder): Promise<Errand | undefined> {
  const text = await readFile(errand, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  if (text === '') return undefined;
  const { requeued, ...read } = v.parse(Errand, JSON.parse(text));
  return requeued ? { requeue: { as: 'eligible', of: 'ended' }, ...read } : read;
}

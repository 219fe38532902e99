// What is left to do for a run, in its run folder: for the Epilog, should the supervisor be killed before it is done.
import { readFile, rename, writeFile } from 'node:fs/promises';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import type { RunFolder } from '../run-folder.ts';
import { monotonic } from './lease.ts';
import { OutputFile } from './output.ts';

/** The job's next run; `since`: when Slurm was seen to count it, by monotonic(). */
const NextRun = v.object({ as: v.picklist(['eligible', 'held']), since: v.exactOptional(v.number()) });
export type NextRun = Readonly<v.InferOutput<typeof NextRun>>;
export const countedNow = (as: NextRun['as'] = 'eligible'): NextRun => ({ as, since: monotonic() });

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
  next: v.exactOptional(NextRun),
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
  return requeued ? { next: { as: 'eligible' }, ...read } : read;
}

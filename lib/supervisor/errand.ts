// What is left to do for a run, in its run folder: for the Epilog, should the supervisor be killed before it is done.
import { readFile, writeFile } from 'node:fs/promises';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import type { RunFolder } from '../run-folder.ts';
import { OutputFile } from './output.ts';

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
  /** And Slurm, which ends it, was asked for a requeue: whether that comes to be, and stays, is still to be seen. */
  requeued: v.exactOptional(v.boolean()),
});
export type Errand = Readonly<v.InferOutput<typeof Errand>>;

export const writeErrand = async ({ errand }: RunFolder, what: Errand): Promise<void> =>
  writeFile(errand, JSON.stringify(what));

/** Undefined when there is none. */
export async function readErrand({ errand }: RunFolder): Promise<Errand | undefined> {
  const text = await readFile(errand, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  return text === '' ? undefined : v.parse(Errand, JSON.parse(text));
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import * as v from 'valibot';

/** `pending`: TMPDIR has results that nobody has delivered. `kept`: they could not be, and must stay where they are.
 * `superseded`: another run has the job, and these are nobody's results. */
export const RESULTS = ['pending', 'delivered', 'kept', 'superseded'] as const;

/** `over`: the job has ended as its owner or its script wanted. `unknown`: nobody said so, and its checkpoints must stay. */
export const ENDINGS = ['unknown', 'over'] as const;

/** What the Epilog needs of a job that took part, in the run folder, root's: options as they were registered, and how far things are. */
const JobRecord = v.object({
  uid: v.number(),
  gid: v.number(),
  groups: v.array(v.number()),
  restarts: v.number(),
  resultFolder: v.nullable(v.string()),
  store: v.nullable(v.string()),
  scratch: v.nullable(v.string()),
  staging: v.nullable(v.string()),
  results: v.picklist(RESULTS),
  ending: v.picklist(ENDINGS),
  agentPid: v.number(),
});
export type JobRecord = v.InferOutput<typeof JobRecord>;

/** Whether what is in TMPDIR is nobody's any more, whatever becomes of the job. */
export const hasNoResults = ({ resultFolder, results }: JobRecord): boolean =>
  resultFolder === null || results === 'delivered' || results === 'superseded';

export function writeRecord(file: string, record: JobRecord): void {
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function readRecord(file: string): JobRecord | undefined {
  try {
    return v.parse(JobRecord, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

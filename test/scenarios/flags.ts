// What a scenario asks of the hooks that the test site has beside ours.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { COMPUTE_NODES, own } from '../cluster/layout.ts';
import type { SubmittedJob } from './job.ts';

/** For the site's Prolog, on each node where the job may run next. */
export function flagged(what: string, { id }: SubmittedJob): Disposable {
  const flags = COMPUTE_NODES.map((node) => path.join(own(node), `tmp/${what}-${id}`));
  for (const flag of flags) writeFileSync(flag, '');
  return { [Symbol.dispose]: () => flags.forEach((flag) => rmSync(flag, { force: true })) };
}

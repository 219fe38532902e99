import { mkdir } from 'node:fs/promises';

import { reasonOf } from '../errors.ts';
import { deliver, type Delivery } from '../scratch/deliver.ts';
import { syslog } from '../system/syslog.ts';
import { withProgress } from './progress.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

/** Brings TMPDIR's contents to the result folder, or keeps them where they are safe. Returns whether they were delivered. */
export async function deliverResults(run: Run): Promise<boolean> {
  const { resultFolder } = run.options;
  if (resultFolder === undefined) return true;
  if (run.scratch === undefined) {
    say(
      `No results were copied to ${resultFolder}: the job had no TMPDIR of its own; ask the admin about scratch in checkpointer.ini`,
    );
    return false;
  }
  const { scratch } = run;
  const delivery = await withProgress('Delivering results', async () =>
    deliver(scratch, resultFolder, run.config.path),
  );
  if (delivery.kind === 'delivered') {
    await noteQuietly(run, 'delivered');
    say(`Final result copied to ${resultFolder}`);
    return true;
  }
  const kept = await keep(run, scratch);
  const where =
    kept.kind === 'delivered'
      ? run.store.undelivered
      : `${scratch} on node ${run.nodeName}, because ${run.store.undelivered} cannot be written either (${kept.reason})`;
  await noteQuietly(run, kept.kind === 'delivered' ? 'delivered' : 'kept');
  say(
    `The results could not be copied to ${resultFolder}: ${delivery.reason}. They are kept in ${where}: copy them from there`,
  );
  await syslog(
    'err',
    `job ${run.jobId}: results not delivered to ${resultFolder}: ${delivery.reason}; kept in ${where}`,
    run.config.path,
  );
  return false;
}

async function keep(run: Run, scratch: string): Promise<Delivery> {
  try {
    await mkdir(run.store.undelivered, { recursive: true, mode: 0o700 });
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
  return deliver(scratch, run.store.undelivered, run.config.path);
}

/** Without an agent nobody can be told; then the Epilog delivers again, which does no harm. */
async function noteQuietly(run: Run, results: 'delivered' | 'kept'): Promise<void> {
  await run.agent.ask({ kind: 'note', results }).catch(() => undefined);
}

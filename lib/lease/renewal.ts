// The two questions that renew a lease: is there a newer run of the job?
import type { Job } from '../job.ts';
import type { JobRecord } from '../slurm/record.ts';
import { recordOf } from '../slurm/scontrol.ts';
import type { Store } from '../store/store.ts';

/** `unknown` renews nothing. */
export type Answer = 'ours' | 'superseded' | 'unknown';

/** By a write, which the server has to answer and no cache does, and a listing after it. Throws, or hangs, where the store is away. */
export async function askStore({ restarts }: Pick<Job, 'restarts'>, store: Store): Promise<Answer> {
  await store.beat(restarts);
  const { claims } = await store.list();
  if (claims.some(({ run }) => run > restarts)) return 'superseded';
  // Where a share has gone from under its mount point the claim has, too, and nobody else has the job.
  return claims.some(({ run, released }) => run === restarts && !released) ? 'ours' : 'unknown';
}

/** Throws where the controller doesn't answer. */
export const askController = async (job: Job): Promise<Answer> => meaningOf(await recordOf(job), job);

/** L4: only if it names this very run, running here. "It answers" isn't enough. */
export function meaningOf(record: JobRecord, { restarts, node }: Pick<Job, 'restarts' | 'node'>): Answer {
  if (record.restarts > restarts) return 'superseded';
  return record.state === 'RUNNING' && record.restarts === restarts && record.node === node ? 'ours' : 'unknown';
}

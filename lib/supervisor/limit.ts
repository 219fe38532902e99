// When Slurm will end a run, as far as it says: that may change while the job runs.
import type { Job } from '../job.ts';
import type { Plan } from '../saving/schedule.ts';
import { now } from '../saving/turn.ts';
import { recordOf } from '../slurm/scontrol.ts';

/** Undefined: never, or nobody can say. */
export async function limitOf(job: Job): Promise<Plan['limit'] | undefined> {
  const record = await recordOf(job).catch(() => undefined);
  if (!record) return undefined;
  const { endsAt, timeLimit, preemptedAt, ran = 0 } = record;
  // Its nodes are wanted, and the end of the GraceTime is not told (scontrol hides it where there is no time limit): at once.
  if (endsAt === undefined) return preemptedAt === undefined ? undefined : { startedAt: now() - ran, endsAt: now() };
  const ends = now() + endsAt - Date.now() / 1000;
  return { startedAt: timeLimit === undefined ? now() - ran : ends - timeLimit, endsAt: ends };
}

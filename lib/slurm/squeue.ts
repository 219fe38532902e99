// squeue, as the user.
import type { Job } from '../job.ts';
import { mustRun } from '../system/exec.ts';
import { call } from './scontrol.ts';

/** States of this user's jobs by their ids, of those that Slurm still knows (MinJobAge): PENDING, CANCELLED, COMPLETED … */
export async function knownJobs(job: Job): Promise<ReadonlyMap<number, string>> {
  const user = String(process.getuid?.());
  const command = ['squeue', '--noheader', '--states=all', `--user=${user}`, '--format=%A %T'];
  return parseStates(await mustRun(command, call(job)));
}

export const parseStates = (text: string): Map<number, string> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [, id, state] = /^\s*(\d+) (\w+)/.exec(line) ?? [];
      return id === undefined || state === undefined ? [] : [[Number(id), state] as const];
    }),
  );

// What Slurm's SIGTERM means to this run. Once Slurm counts another run of the job that stays so: a controller that is killed
// may come back without it, and the Epilog then sees to it.
import { COUNTED, readErrand, writeErrand } from '../run/errand.ts';
import type { Controller, Fate } from '../slurm/record.ts';
import { controller, fate } from '../slurm/scontrol.ts';
import type { Story } from './story.ts';

/** Throws where nobody can say. */
export async function sigtermMeans({ job, folder, errand }: Story): Promise<Fate> {
  if ((await readErrand(folder))?.requeue) return 'runs-again';
  const meaning = await fate(job);
  if (meaning === 'runs-again') await writeErrand(folder, { ...errand, requeue: COUNTED });
  return meaning;
}

/** Longer ago it was, if it was no more than a signal, not of what the script has ended. Seconds. */
const LONG_AGO = 600;
const SLACK_SECONDS = 5;
/** slurmd may take its time to pass on what a controller told it that has been killed since. */
const PASSED_ON_SECONDS = 60;

/** Of a run whose script has ended. `over`: that is the job's end. `unknown`: the Epilog can say. */
export async function endMeans(story: Story): Promise<Fate | 'unknown'> {
  const { signals } = story;
  const ago = signals.secondsSinceTermination();
  if (ago === undefined || (ago > LONG_AGO && !signals.terminated())) return 'over';
  try {
    const meaning = await sigtermMeans(story);
    return meaning === 'goes-on' && mayHaveLost(ago, await controller(story.job)) ? 'unknown' : meaning;
  } catch {
    return 'unknown';
  }
}

/**
 * Whether a SIGTERM that is no more than a signal by what a controller says may have been sent for a requeue which that one has
 * never heard of, having been started since. Seconds. (A backup that takes over may have been up for long.)
 */
export const mayHaveLost = (ago: number, { killWait, up = 0 }: Controller): boolean =>
  ago < killWait + SLACK_SECONDS && up < ago + PASSED_ON_SECONDS;

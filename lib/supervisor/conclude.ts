// The script has ended. Whether that is the job's end is Slurm's to say.
import type { Ending } from '../job.ts';
import { writeErrand } from '../run/errand.ts';
import { finish } from '../run/results.ts';
import { putBackExclusions } from './elsewhere.ts';
import { keepForNextRun } from './move-on.ts';
import { endMeans } from './sigterm.ts';
import type { Story } from './story.ts';

/** Returns how the job is to end. */
export async function conclude(ending: Ending, story: Story): Promise<Ending> {
  // Told to end because it is to run again? Then its checkpoints are what it goes on from. Can't say: the Epilog can.
  const meaning = await endMeans(story);
  if (meaning === 'runs-again') await keepForNextRun(story);
  if (meaning === 'runs-again' && story.isProtected) await putBackExclusions(story);
  if (meaning === 'runs-again' || meaning === 'unknown') return ending;
  const final = await finish(story.errand, ending, {
    say: story.say,
    mayWrite: async () => (await story.lease.settled()) === 'valid',
  });
  await writeErrand(story.folder, { ...story.errand, settled: true });
  return final;
}

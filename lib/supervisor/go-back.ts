// A tree that is not what it was, for CRIU was killed as it made its processes call: the job goes on from before that.
import { messages } from '../messages.ts';
import { restoreNewest, type Begun } from './begin.ts';
import { ofJob } from './objections.ts';
import type { Story } from './supervise.ts';
import { forgetEnding, kill } from './tree.ts';

/** What kills CRIU may do so at every checkpoint, as too little memory does: then somebody has to look at it. */
const MOST_HARMS = 3;

/** Undefined: it has no checkpoint yet, and begins again in another run. @param times in this run */
export async function goBack(harmed: Begun, times: number, story: Story): Promise<Begun | undefined> {
  story.say(messages.harmed());
  if (harmed.kind === 'running') await kill(harmed.tree);
  forgetEnding(story.folder);
  const back = times < MOST_HARMS ? await restoreNewest(story) : undefined;
  const runs = back ? times : Math.max(times, story.job.restarts + 1);
  return runs < MOST_HARMS ? back : { kind: 'not-restored', ...ofJob(messages.harmedAgain()) };
}

// A tree that is not what it was, for CRIU was killed as it made its processes call: the job goes on from before that.
import { setTimeout as sleep } from 'node:timers/promises';
import { messages } from '../messages.ts';
import { forgetEnding } from '../run/tree.ts';
import type { Harmed } from '../saving/dump-tree.ts';
import { membersOf, send, type Root } from '../system/standstill.ts';
import { restoreNewest, type Begun } from './begin.ts';
import { ofJob } from './objections.ts';
import type { Story } from './story.ts';

/** What kills CRIU may do so at every checkpoint, as too little memory does: then somebody has to look at it. */
const MOST_HARMS = 3;

const LOOK_MS = 20;
/** They, and what they have begun since. */
const alive = (members: readonly Root[]): number[] => members.flatMap(membersOf);

/** Undefined: it has no checkpoint yet, and begins again in another run. @param times in this run */
export async function goBack({ members }: Harmed, times: number, story: Story): Promise<Begun | undefined> {
  story.say(messages.harmed());
  for (let left = alive(members); left.length > 0; left = alive(members)) {
    for (const pid of left) send(pid, 'SIGKILL');
    await sleep(LOOK_MS);
  }
  forgetEnding(story.folder);
  const again: Begun = { kind: 'not-restored', ...ofJob(messages.harmedAgain()) };
  if (times >= MOST_HARMS) return again;
  return (await restoreNewest(story)) ?? (story.job.restarts + 1 >= MOST_HARMS ? again : undefined);
}

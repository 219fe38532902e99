// Tries to save a tree that runs, and says what stands in the way.
import { reasonOf } from '../errors.ts';
import { messages } from '../messages.ts';
import { isRunning } from '../system/proc.ts';
import { checkpoint, type Outcome } from './checkpoint.ts';
import type { Afterwards, Circumstances } from './circumstances.ts';
import type { Story } from './supervise.ts';
import type { Tree } from './tree.ts';
import { vigil } from './vigil.ts';

type Moment = Pick<Circumstances, 'secondsSinceLast' | 'pace'>;
type Attempt = (then: Afterwards, moment: Moment) => Promise<Outcome>;

/** What stands in the way is said once, not at every interval. */
export function saving(tree: Tree, story: Story): Attempt {
  let obstacle: string | undefined;
  const attempt = attempts(tree, story);
  return async (then, moment) => {
    if (obstacle === undefined) story.say(messages.dumping(tree.pid, story.store.folder));
    const outcome = await attempt(then, moment);
    const reason = outcome.kind === 'not-saved' ? outcome.reason : undefined;
    if (reason !== undefined && isRunning(tree.pid) && reason !== obstacle) story.say(messages.notDumped(reason));
    obstacle = reason;
    return outcome;
  };
}

/** One at a time: what hangs in a store that no longer answers goes on once it does, and comes to nothing. */
function attempts(tree: Tree, story: Story): Attempt {
  const { agent, store } = story;
  const silent: Outcome = { kind: 'not-saved', reason: messages.storeSilent(store.folder) };
  let hangs = false;
  return async (then, moment) => {
    if (!agent) return { kind: 'not-saved', reason: 'there is no agent on this node' };
    if (hangs) return silent;
    using watched = vigil(store.folder);
    hangs = true;
    const saved = checkpoint(tree, then, { ...story, ...moment, agent, vigil: watched })
      .catch((error: unknown): Outcome => ({ kind: 'not-saved', reason: reasonOf(error) }))
      .finally(() => (hangs = false));
    const first = await Promise.race([saved, watched.givenUp]);
    return first === 'given-up' ? silent : first;
  };
}

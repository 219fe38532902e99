// Tries to save a tree that runs, and says what stands in the way.
import type { Agent } from '../agent/client.ts';
import { reasonOf } from '../errors.ts';
import { vigil } from '../lease/vigil.ts';
import { messages } from '../messages.ts';
import type { Tree } from '../run/tree.ts';
import { isRunning } from '../system/proc.ts';
import { checkpoint, type Outcome } from './checkpoint.ts';
import type { Afterwards, Circumstances } from './circumstances.ts';

type Moment = Pick<Circumstances, 'secondsSinceLast' | 'pace'>;
type Around = Omit<Circumstances, keyof Moment | 'agent' | 'vigil'> & { readonly agent: Agent | undefined };
type Attempt = (then: Afterwards, moment: Moment) => Promise<Outcome>;

/** What stands in the way is said once, not at every interval. */
export function saving(tree: Tree, around: Around): Attempt {
  let obstacle: string | undefined;
  const attempt = attempts(tree, around);
  return async (then, moment) => {
    if (obstacle === undefined) around.say(messages.dumping(tree.pid, around.store.folder));
    const outcome = await attempt(then, moment);
    const reason = outcome.kind === 'not-saved' ? outcome.reason : undefined;
    if (reason !== undefined && isRunning(tree.pid) && reason !== obstacle) around.say(messages.notDumped(reason));
    obstacle = reason;
    return outcome;
  };
}

/** One at a time: what hangs in a store that no longer answers goes on once it does, and comes to nothing. */
function attempts(tree: Tree, around: Around): Attempt {
  const { agent, store } = around;
  const silent: Outcome = { kind: 'not-saved', reason: messages.storeSilent(store.folder) };
  let hangs = false;
  return async (then, moment) => {
    if (!agent) return { kind: 'not-saved', reason: 'there is no agent on this node' };
    if (hangs) return silent;
    using watched = vigil(store.folder);
    hangs = true;
    const saved = checkpoint(tree, then, { ...around, ...moment, agent, vigil: watched })
      .catch((error: unknown): Outcome => ({ kind: 'not-saved', reason: reasonOf(error) }))
      .finally(() => (hangs = false));
    const first = await Promise.race([saved, watched.givenUp]);
    return first === 'given-up' ? silent : first;
  };
}

// A first run whose store could not be written to as it began: its script runs, as any job of Slurm's, and it goes on
// asking. From its claim on it is a run like any other, with a tree that it has begun already (R1).
import { setTimeout as sleep } from 'node:timers/promises';
import { messages } from '../messages.ts';
import { enter, type Entrance } from './enter.ts';
import type { Late, Story } from './story.ts';

const AGAIN_SECONDS = 30;

/** `superseded`: a newer run has the job, as is found only now. */
export type Claimed = Exclude<Entrance, { kind: 'unprotected' }> | { readonly kind: 'superseded' };
export type Unclaimed = Extract<Entrance, { kind: 'unprotected' }>;
type Answer = Extract<Claimed, { kind: 'entered' | 'superseded' }>;

/** What is under way at the end, at a store that may hang again. */
const PATIENCE_MS = 5000;

/**
 * At the end of its scope nobody asks any more; and a claim that came too late to be taken up is given back.
 * @param first of a store that hung: who asks there still waits for the answer
 */
export function claimLater(
  story: Story,
  first?: Promise<Entrance>,
): AsyncDisposable & { readonly entrance: Promise<Late> } {
  const over = new AbortController();
  let isTakenUp = false;
  const takeUp = (): Story => {
    isTakenUp = true;
    return story;
  };
  const asked = ask(story, over.signal, first).catch(() => undefined); // the scope is over
  return {
    entrance: new Promise((resolve) => void asked.then((answer) => answer && resolve({ ...answer, takeUp }))),
    async [Symbol.asyncDispose]() {
      over.abort();
      const answer = await Promise.race([asked, sleep(PATIENCE_MS)]);
      if (answer && !isTakenUp) await story.store.release(story.job.restarts).catch(() => {}); // the next run waits, or asks
    },
  };
}

/** Undefined: never. */
async function ask(story: Story, over: AbortSignal, first?: Promise<Entrance>): Promise<Answer | undefined> {
  for (let underWay = first; ; underWay = undefined) {
    if (!underWay) await sleep(AGAIN_SECONDS * 1000, undefined, { signal: over });
    if (!underWay && story.signals.terminated()) continue; // whoever watches the tree deals with it
    const entrance = await (underWay ?? enter({ ...story, lease: story.leaseSeconds }));
    if (entrance.kind === 'unprotected') continue;
    if (isOfUse(entrance, story) && !over.aborted) {
      if (entrance.kind === 'entered') story.say(messages.claimedLater());
      return entrance.kind === 'entered' ? entrance : { kind: 'superseded' };
    }
    await release(entrance, story);
    if (entrance.kind !== 'left') return undefined;
  }
}

/** A run that Slurm tells to end, as it asks, is nobody's to stop here. */
const isOfUse = ({ kind }: Entrance, { signals }: Story): boolean =>
  kind === 'entered' || kind === 'ended' || (kind === 'left' && !signals.terminated());

async function release(entrance: Entrance, { job, store, say }: Story): Promise<void> {
  if (entrance.kind === 'held') say(messages.neverClaimed(entrance.reason));
  if (entrance.kind === 'held' && !entrance.claimed) return;
  await store.release(job.restarts).catch(() => {}); // the next run waits, or asks
}

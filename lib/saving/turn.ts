// When a job's next checkpoint begins: when it is due, and one of the node's slots is free for it, or it can wait no longer.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../agent/client.ts';
import type { Due } from './schedule.ts';

/** Seconds, by a clock that nobody sets. */
export const now = (): number => performance.now() / 1000;

/** At the end of its scope the slot is given back, and nobody waits for one any more. */
export type Turn = Disposable & { readonly comes: Promise<'due'> };

export function turn(due: Due, agent: Pick<Agent, 'slot'> | undefined): Turn {
  const over = new AbortController();
  let slot: Disposable | undefined;
  const leave = (): void => slot?.[Symbol.dispose]();
  const wait = async (): Promise<'due'> => {
    await reached(due.at, over.signal);
    if (over.signal.aborted) return 'due';
    const patience = AbortSignal.timeout(Math.ceil(Math.max(0, due.latest - now()) * 1000));
    slot = await agent?.slot(AbortSignal.any([over.signal, patience])).catch(() => undefined); // a save will say why
    if (over.signal.aborted) leave();
    return 'due';
  };
  return {
    comes: wait(),
    [Symbol.dispose]() {
      over.abort();
      leave();
      slot = undefined;
    },
  };
}

/** More is no time for Node's timers. */
const LONGEST_SLEEP = 24 * 60 * 60;

async function reached(at: number, signal: AbortSignal): Promise<void> {
  while (now() < at && !signal.aborted)
    await sleep(Math.min(at - now(), LONGEST_SLEEP) * 1000, undefined, { signal }).catch(() => {});
}

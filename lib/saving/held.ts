// A tree that CRIU holds once its memory is written, until it is told what next.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../agent/client.ts';
import type { Lease } from '../lease/lease.ts';
import type { Vigil } from '../lease/vigil.ts';
import { endOf, type Tree } from '../run/tree.ts';
import { statusOf } from '../system/proc.ts';

const LOOK_MS = 20;
const GIVEN_UP = 'it was given up, for the store did not answer';

/** At the end of its scope the tree runs on, unless it has been ended. */
export type Hold = AsyncDisposable & {
  /** Throws if the tree has run on by itself, as after CRIU's death: what was copied since may not be of one moment. After it, it is not given up. */
  mustHold(): void;
  /** Returns once the tree runs. */
  letGo(): Promise<void>;
  /** Returns once nothing of it runs. */
  end(): Promise<void>;
};

type Holding = {
  readonly agent: Pick<Agent, 'decide'>;
  /** Its name, in what CRIU is told. */
  readonly dump: string;
  readonly lease: Lease;
  readonly vigil: Pick<Vigil, 'isGivenUp' | 'heldBy'>;
};

/** Throws where it has been given up by now. */
export function untilDecided(tree: Tree, { agent, dump, lease, vigil }: Holding): Hold {
  if (vigil.isGivenUp()) throw new Error(GIVEN_UP);
  let decided = false;
  let gaveUp = false;
  /** For a commit; and once that is there, for good: a tree that is being ended has not been given up. */
  let isNeeded = false;
  const end = async (): Promise<void> => {
    [decided, isNeeded] = [true, true];
    agent.decide(dump, 'commit');
    await endOf(tree);
  };
  /** C5: only under a valid lease. */
  const letGo = async (): Promise<void> => {
    if (decided) return;
    isNeeded = false;
    if (isHeld(tree) && (await lease.settled()) === 'superseded') return end();
    decided = true;
    agent.decide(dump, 'abort');
    while (isHeld(tree)) await sleep(LOOK_MS);
  };
  const giveUp = (): boolean => {
    if (isNeeded) return false;
    gaveUp = true;
    void letGo();
    return true;
  };
  vigil.heldBy(giveUp);
  return {
    mustHold() {
      if (gaveUp) throw new Error(GIVEN_UP);
      isNeeded = true;
      if (!isHeld(tree)) throw new Error('CRIU was killed meanwhile');
    },
    letGo,
    end,
    [Symbol.asyncDispose]: letGo,
  };
}

/** A process that CRIU holds is traced by it; the root of the tree is by nobody else. */
const isHeld = (tree: Tree): boolean => (statusOf(tree.pid)?.tracer ?? 0) !== 0;

// scenario('claim', story): of those that do harm to processes, daemons, nodes and stores. Not in the gate.
import { KNOWN_FAILURES } from '../known-failures.ts';
import { claims, type Scenario } from '../scenarios/claims.ts';
import type { Partition } from '../scenarios/mover.ts';
import type { Place } from '../scenarios/place.ts';
import { Turns } from '../scenarios/turns.ts';

/** More, and the machine is too busy for moments to be hit. */
const sideBySide = new Turns(12);
/** Two nodes that nobody else uses meanwhile: what is done to the one, the other has its jobs afterwards. */
export type Pair = { readonly partition: Partition; readonly one: string; readonly other: string };
const free: Pair[] = [
  { partition: 'rough', one: 'n3', other: 'n4' },
  { partition: 'power', one: 'n8', other: 'n9' },
  { partition: 'cut', one: 'n14', other: 'n15' },
];
const pairs = new Turns(free.length);
/** Of those that need to be alone, which come last. */
const lonely = new Turns();
const others: Promise<unknown>[] = [];

/** Minutes: all of them begin at once, and those that need to be alone wait for three quarters of an hour in all. */
const declare = claims(KNOWN_FAILURES.violent, 75);

/** Beside others; nobody who needs to be alone begins before it has ended. */
function declareBeside(turns: Turns): Scenario {
  return (claim, story) =>
    declare(claim, async (place) => {
      const told = turns.take(async () => story(place));
      others.push(told.catch(() => {}));
      await told;
    });
}

export const scenario = declareBeside(sideBySide);

/** Cuts the power of a node, ends its slurmd, or takes its network disk away. */
export const onANode = (claim: string, story: (place: Place, pair: Pair) => Promise<void>): void =>
  declareBeside(pairs)(claim, async (place) => {
    const pair = free.pop()!;
    try {
      await story(place, pair);
    } finally {
      free.push(pair);
    }
  });

/** Does something to what everybody needs: nobody else's scenario would be what it says. */
export const alone: Scenario = (claim, story) =>
  declare(claim, async (place) =>
    lonely.take(async () => {
      await everyOne(others);
      await story(place);
    }),
  );

/** More may be added while we wait. */
async function everyOne(told: readonly Promise<unknown>[]): Promise<void> {
  for (let waited = 0; waited < told.length;) {
    waited = told.length;
    await Promise.all(told);
  }
}

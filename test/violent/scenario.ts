// scenario('claim', story): of those that do harm to processes, daemons, nodes and stores. Not in the gate.
import { KNOWN_FAILURES } from '../known-failures.ts';
import { claims, type Scenario } from '../scenarios/claims.ts';
import { Turns } from './turns.ts';

/** One thing at a time is done to the nodes of partition `rough`. */
const nodes = new Turns();
/** These run side by side; after them, one by one, those that need to be alone. */
const others: Promise<unknown>[] = [];
const lonely = new Turns();

const declare = claims(KNOWN_FAILURES.violent);

export const scenario: Scenario = (claim, story) =>
  declare(claim, async (place) => {
    const told = story(place);
    others.push(told.catch(() => {}));
    await told;
  });

/** Cuts the power of a node, or ends its slurmd. */
export const onANode: Scenario = (claim, story) =>
  scenario(claim, async (place) => nodes.take(async () => story(place)));

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

// scenario('claim', story): of those that do harm to processes, daemons, nodes and stores. Not in the gate.
import { KNOWN_FAILURES } from '../known-failures.ts';
import { claims, type Scenario } from '../scenarios/claims.ts';
import { Turns } from './turns.ts';

/** More, and the machine is too busy for moments to be hit. */
const sideBySide = new Turns(12);
/** One thing at a time is done to the nodes of partition `rough`. */
const nodes = new Turns();
/** Of those that need to be alone, which come last. */
const lonely = new Turns();
const others: Promise<unknown>[] = [];

const declare = claims(KNOWN_FAILURES.violent);

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
export const onANode = declareBeside(nodes);

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

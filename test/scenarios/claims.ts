// What scenario('claim', story) is: a claim about the product, tried on the real cluster, side by side with all the others.
import { afterAll, test } from 'vitest';
import { reasonOf } from '../../lib/errors.ts';
import { Gate } from './gate.ts';
import { Place } from './place.ts';

export type Scenario = (claim: string, story: (place: Place) => Promise<void>) => void;

/**
 * Of one project: each has its own list of known failures, and its own verdict.
 * @param minutes for each scenario: one that failed waits for all others before it is run again
 */
export function claims(knownFailures: Readonly<Record<string, string>>, minutes: number): Scenario {
  const gate = new Gate(knownFailures);
  afterAll(() => console.log(gate.report()));
  return (claim, story) => declare(gate, claim, { story, minutes });
}

type Told = { readonly story: (place: Place) => Promise<void>; readonly minutes: number };

function declare(gate: Gate, claim: string, { story, minutes }: Told): void {
  gate.announce(claim);
  test.concurrent(claim, { timeout: minutes * 60_000 }, async ({ skip }) => {
    const verdict = await gate.judge(claim, async (attempt) => {
      const place = new Place(`${claim.replaceAll(/\W+/g, '-')}${attempt > 1 ? '-again' : ''}`);
      try {
        await story(place);
      } catch (error) {
        const reports = place.jobs.map((job) => job.report());
        await Promise.all(place.jobs.map(async (job) => job.cancel())); // one that hangs would be in everybody's way
        throw new Error([reasonOf(error), ...reports].join('\n'), { cause: error });
      }
    });
    if (verdict === 'known-failure') skip('known to fail'); // counted as neither passed nor failed
  });
}

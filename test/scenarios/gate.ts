// What turns the gate red. A scenario that fails is run once more, after all others and alone: passing then it is flaky,
// which is printed. One that is known to fail is run, counted and printed; it turns the gate red when it passes, so that it
// leaves the list.

import { reasonOf } from '../../lib/errors.ts';

export type Story = (attempt: number) => Promise<void>;

const listed = (lines: string[]): string => lines.map((line) => `\n  ${line}`).join('');
const firstLine = (text: string): string => text.split('\n')[0] ?? '';

export class Gate {
  readonly #knownFailures: Readonly<Record<string, string>>;
  readonly #claims = new Set<string>();
  readonly #firstAttempts: Promise<unknown>[] = [];
  #secondAttempts: Promise<unknown> = Promise.resolve();
  readonly #known: string[] = [];
  readonly #flaky: string[] = [];

  constructor(knownFailures: Readonly<Record<string, string>>) {
    this.#knownFailures = knownFailures;
  }

  /** Says that there is such a scenario, whether or not it is run this time. */
  announce(claim: string): void {
    this.#claims.add(claim);
  }

  /** Throws what turns the gate red. A known failure is no pass either. */
  async judge(claim: string, story: Story): Promise<'passed' | 'known-failure'> {
    const first = failureOf(story, 1);
    this.#firstAttempts.push(first);
    const failure = await first;
    const known = this.#knownFailures[claim];
    if (known !== undefined) {
      if (failure === undefined) throw new Error(`"${claim}" passes now: take it off test/known-failures.ts`);
      this.#known.push(`${claim} (${known}): ${firstLine(failure)}`);
      return 'known-failure';
    }
    if (failure !== undefined) {
      const again = await this.#alone(async () => failureOf(story, 2));
      if (again !== undefined) throw new Error(`${failure}\n\nand again:\n${again}`);
      this.#flaky.push(`${claim}: ${failure}`);
    }
    return 'passed';
  }

  async #alone<T>(attempt: () => Promise<T>): Promise<T> {
    const turn = this.#secondAttempts.then(async () => {
      // Others may have begun while we waited for those that had.
      for (let seen = 0; seen < this.#firstAttempts.length;) {
        seen = this.#firstAttempts.length;
        await Promise.all(this.#firstAttempts);
      }
      return attempt();
    });
    this.#secondAttempts = turn;
    return turn;
  }

  /** For the end of the output. Throws when the list names a scenario that doesn't exist: it would never leave it. */
  report(): string {
    const stale = Object.keys(this.#knownFailures).filter((claim) => !this.#claims.has(claim));
    if (stale.length > 0) throw new Error(`test/known-failures.ts names no scenario: ${stale.join('; ')}`);
    return `${this.#known.length} known failures${listed(this.#known)}\n${this.#flaky.length} flaky${listed(this.#flaky)}`;
  }
}

async function failureOf(story: Story, attempt: number): Promise<string | undefined> {
  try {
    await story(attempt);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

// Renews a lease, and sees to it that what writes stands still where it can't be renewed. Seconds throughout.
import { monotonic, type Lease } from './lease.ts';
import type { Answer } from './renewal.ts';

type Keeping = {
  /** In the claim. */
  readonly seconds: number;
  /** By monotonic(): when the claim was asked for. */
  readonly since: number;
  readonly askStore: () => Promise<Answer>;
  readonly askController: () => Promise<Answer>;
  /** L2: called again and again while the lease has run out, for something may come to life, as a tree whose dump fails. */
  readonly stop: () => void;
  /** L3: stopped, not killed. */
  readonly resume: () => void;
  readonly guard: (root: number) => void;
  /** After each renewal. @param until seconds after which the tree must stand still without another one, whatever we do */
  readonly renewed: (until: number) => void;
};

/** Shares of the lease: from one renewal to the next; and from a question until it has run out, which is before a newer run begins. */
const PERIOD_SHARE = 1 / 6;
const T1_SHARE = 2 / 3;
/** L5 */
const GRACE_SECONDS = 5;
const CONTROLLER_SECONDS = 20;
const TICK_MS = 1000;
const LAPSED_TICK_MS = 100;
const CLOCKS_APART_SECONDS = 5;

/** Async I/O only: its timers have to fire while the store hangs. */
export function keepLease(keeping: Keeping): Lease {
  const keeper = new Keeper(keeping);
  return {
    isValid: () => keeper.isValid(),
    lapses: () => keeper.lapses,
    superseded: keeper.superseded,
    settled: async () => keeper.settled(),
    guard: keeping.guard,
    [Symbol.dispose]: () => keeper.end(),
  };
}

class Keeper {
  lapses = 0;
  readonly superseded: Promise<'superseded'>;
  readonly #keeping: Keeping;
  readonly #period: number;
  readonly #t1: number;
  /** When the last question was asked that was answered well. */
  #confirmedAt: number;
  #isSuperseded = false;
  #stands = false;
  #lose: () => void = () => {};
  readonly #asked = { store: -Infinity, controller: -Infinity };
  readonly #underWay = new Set<string>();
  #waiting: (() => void)[] = [];
  #clocks = readClocks();
  #timer: NodeJS.Timeout;

  constructor(keeping: Keeping) {
    this.#keeping = keeping;
    [this.#period, this.#t1] = [keeping.seconds * PERIOD_SHARE, keeping.seconds * T1_SHARE];
    this.#confirmedAt = keeping.since;
    this.superseded = new Promise((resolve) => (this.#lose = () => resolve('superseded')));
    this.#timer = setTimeout(() => this.#tick(), 0);
  }

  isValid(): boolean {
    return !this.#isSuperseded && monotonic() - this.#confirmedAt < this.#t1;
  }

  async settled(): Promise<'valid' | 'superseded'> {
    while (!this.isValid() && !this.#isSuperseded) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#isSuperseded ? 'superseded' : 'valid';
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const [now, before] = [readClocks(), this.#clocks];
    this.#clocks = now;
    const slept = now.wall - before.wall - (now.monotonic - before.monotonic);
    if (slept > CLOCKS_APART_SECONDS) this.#confirmedAt = -Infinity; // L6: stop first, then renew
    const isValid = this.isValid();
    if (!isValid) this.#standStill();
    if (now.monotonic - this.#asked.store >= (isValid ? this.#period : 1)) this.#ask('store', this.#keeping.askStore);
    const isSilent = now.monotonic - this.#confirmedAt > 2 * this.#period;
    if (isSilent && now.monotonic - this.#asked.controller >= CONTROLLER_SECONDS)
      this.#ask('controller', this.#keeping.askController);
    this.#timer = setTimeout(() => this.#tick(), isValid ? TICK_MS : LAPSED_TICK_MS);
  }

  #ask(whom: 'store' | 'controller', question: () => Promise<Answer>): void {
    if (this.#isSuperseded) return; // for good; and what is asked writes, beside a newer run
    if (this.#underWay.has(whom)) return; // it hangs: neither holds the other up
    this.#underWay.add(whom);
    const askedAt = (this.#asked[whom] = monotonic());
    question()
      .then((answer) => this.#hear(answer, askedAt))
      .catch(() => {}) // it is away: time tells
      .finally(() => this.#underWay.delete(whom));
  }

  /** L1: it counts from the question, and an answer that comes too late renews nothing. */
  #hear(answer: Answer, askedAt: number): void {
    if (answer === 'superseded') {
      this.#isSuperseded = true;
      this.#standStill();
      this.#lose();
      this.#settle();
    }
    if (answer !== 'ours' || this.#isSuperseded || monotonic() - askedAt >= this.#t1) return;
    this.#confirmedAt = Math.max(this.#confirmedAt, askedAt);
    if (this.#stands) this.#keeping.resume();
    this.#stands = false;
    this.#keeping.renewed(this.#confirmedAt + this.#t1 - monotonic() + GRACE_SECONDS);
    this.#settle();
  }

  #standStill(): void {
    if (!this.#stands) this.lapses += 1;
    this.#stands = true;
    this.#keeping.stop();
  }

  #settle(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

const readClocks = () => ({ wall: Date.now() / 1000, monotonic: monotonic() });

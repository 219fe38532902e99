// Numbers that look random and are the same for the same seed, on every machine (mulberry32).

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including 1. */
  chance(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Both bounds included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.chance() * (to - from + 1));
  }

  oneOf<T>(choices: readonly T[]): T {
    const choice = choices[this.whole(0, choices.length - 1)];
    if (choice === undefined) throw new Error('nothing to choose from');
    return choice;
  }

  /** Each as often as its weight says. */
  weighted<T extends { readonly weight: number }>(choices: readonly T[]): T {
    return this.oneOf(choices.flatMap((choice) => Array.from({ length: choice.weight }, () => choice)));
  }
}

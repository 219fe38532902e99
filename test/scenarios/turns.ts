// Things that are done one after the other, or no more than so many at a time, in the order in which they were asked for.

export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atATime = 1) {
    this.#free = atATime;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}

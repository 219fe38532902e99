// Things that are done one after the other, in the order in which they were asked for.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before.catch(() => {}); // its own affair
      return work();
    })();
    this.#last = mine;
    return mine;
  }
}

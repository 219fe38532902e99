// Several things at once, but no more than so many.

/** Throws the first error, as soon as nothing is under way any more; nothing is begun after it. */
export async function eachOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const shared = oneByOne(items);
  const errors: unknown[] = [];
  const note = (error: unknown): void => {
    errors.push(error);
  };
  const strand = async (): Promise<void> => {
    for await (const item of shared) {
      if (errors.length > 0) return;
      await act(item).catch(note);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, async () => strand().catch(note)));
  if (errors.length > 0) throw errors[0];
}

/** Whoever asks gets the next. */
async function* oneByOne<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Lends out things of which there are only so many; who comes when all are lent waits for its turn. */
export function lending<T>(things: T[]): <R>(use: (thing: T) => Promise<R>) => Promise<R> {
  const waiting: ((thing: T) => void)[] = [];
  const borrowed = async (): Promise<T> =>
    things.pop() ??
    new Promise((resolve) => {
      waiting.push(resolve);
    });
  return async (use) => {
    const thing = await borrowed();
    try {
      return await use(thing);
    } finally {
      const next = waiting.shift();
      if (next) next(thing);
      else things.push(thing);
    }
  };
}

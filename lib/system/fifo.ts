// One end of a FIFO, held open for reading and writing: nobody waits to open it, and the other side reads to the end of it
// when we have gone.
import { closeSync, constants, openSync, writeSync } from 'node:fs';

export type Fifo = Disposable & {
  /** A line to whoever reads the other end, now or later. */
  say(line: string): void;
};

export function openFifo(path: string): Fifo {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  return {
    say: (line) => void writeSync(descriptor, `${line}\n`),
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

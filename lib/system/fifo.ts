import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** A sender cannot make us keep more than this. */
const MAX_WAITING = 1024;

/**
 * One end of a FIFO, held open for reading and writing: so opening never blocks, here or on the other side, and the
 * other side sees the end of the file when this process is gone.
 */
export class Fifo implements Disposable {
  readonly path: string;
  readonly #fd: number;
  #reader: Socket | undefined;
  #waiting = '';
  #wake: (() => void) | undefined;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  }

  /** Says one line to whoever reads the other end. */
  say(word: string): void {
    writeSync(this.#fd, `${word}\n`);
  }

  /** The next line that arrives. */
  async line(): Promise<string> {
    this.#reader ??= this.#startReading();
    for (;;) {
      const end = this.#waiting.indexOf('\n');
      if (end >= 0) {
        const line = this.#waiting.slice(0, end);
        this.#waiting = this.#waiting.slice(end + 1);
        return line;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Forgets lines that came for somebody who no longer waits. */
  clear(): void {
    this.#waiting = '';
  }

  #startReading(): Socket {
    const reader = new Socket({ fd: this.#fd, readable: true, writable: false });
    reader.on('data', (chunk) => {
      this.#waiting = (this.#waiting + String(chunk)).slice(-MAX_WAITING);
      this.#wake?.();
    });
    reader.on('error', () => undefined);
    return reader;
  }

  [Symbol.dispose](): void {
    if (this.#reader) this.#reader.destroy();
    else closeSync(this.#fd);
    try {
      unlinkSync(this.path);
    } catch {
      // Gone with its folder.
    }
  }
}

import { open } from 'node:fs/promises';

/** Prints a growing file's lines, each behind a label, as `tail -f` does. */
export class Follower {
  readonly #path: string;
  readonly #label: string;
  #offset = 0;
  #unfinished = '';

  constructor(path: string, label: string) {
    this.#path = path;
    this.#label = label;
  }

  /** Prints the lines that came since. */
  async show(): Promise<void> {
    const lines = (this.#unfinished + (await this.#read())).split('\n');
    this.#unfinished = lines.pop() ?? '';
    for (const line of lines) console.log(`${this.#label}${line}`);
  }

  async #read(): Promise<string> {
    try {
      await using file = await open(this.#path);
      const { size } = await file.stat();
      // Cut back to where a checkpoint saw it.
      this.#offset = Math.min(this.#offset, size);
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(size - this.#offset),
        position: this.#offset,
      });
      this.#offset += bytesRead;
      return buffer.toString('latin1', 0, bytesRead);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}

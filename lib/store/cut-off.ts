import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { reasonOf } from '../errors.ts';
import { syncFolder } from './durable.ts';

/**
 * What is cut off from a job's files when it goes back to a checkpoint. The job writes it again; but some of it may be somebody else's whom
 * nobody knows, so it is kept for a while, beside the job's checkpoints, for it has to outlive them.
 */
export class CutOff {
  readonly folder: string;
  readonly #limit: number;
  #kept = 0;
  readonly #lost: string[] = [];

  /**
   * @param store the job's folder there
   * @param limit bytes of one file; longer pieces are not kept
   */
  constructor(store: string, limit: number) {
    this.folder = `${store}.cut-${Date.now()}`;
    this.#limit = limit;
  }

  /** Keeps what a file holds from a place on, to its end. What cannot be kept is noted: the job has to go on. */
  async keep(path: string, from: number, to: number): Promise<void> {
    const target = join(this.folder, `${this.#kept + 1}.${basename(path)}`);
    try {
      if (to - from > this.#limit) throw new Error('it is longer than output_copy_limit');
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await pipeline(
        createReadStream(path, { start: from, end: to - 1 }),
        createWriteStream(target, { flags: 'wx', mode: 0o600, flush: true }),
      );
      await syncFolder(this.folder);
      this.#kept += 1;
    } catch (error) {
      await rm(target, { force: true }).catch(() => undefined);
      this.#lost.push(`What was cut off from ${path} could not be kept (${reasonOf(error)})`);
    }
  }

  /** What the job's owner is to know of it. @param forHow long it is kept */
  told(forHowLong: string): string[] {
    const where =
      this.#kept === 0
        ? []
        : [
            `What was cut off is in ${this.folder} for ${forHowLong}, should another program have written some of it`,
          ];
    return [...where, ...this.#lost];
  }
}

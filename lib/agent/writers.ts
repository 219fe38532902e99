import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RUN_ROOT } from '../layout.ts';
import { steadyNow } from '../time.ts';
import { claimOf, give, take } from './claim.ts';

const LOOK_EVERY_MS = 200;

/** One of the places for jobs of this node that write a checkpoint at the same time, so that the share is not hit by a storm. */
export class WriterSlot {
  readonly #file: string;
  readonly #words: string;

  private constructor(file: string, words: string) {
    this.#file = file;
    this.#words = words;
  }

  /**
   * Undefined when none becomes free in time.
   * @param uid the user whose job wants it
   */
  static async take(
    places: number,
    patienceMs: number,
    uid: number,
  ): Promise<WriterSlot | undefined> {
    const folder = join(RUN_ROOT, 'writers');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const files = Array.from({ length: places }, (_, index) => join(folder, String(index + 1)));
    const words = `${claimOf(process.pid)} ${uid}`;
    const deadline = steadyNow() + patienceMs;
    for (;;) {
      const free = files.find((file) => take(file, words));
      if (free !== undefined) return new WriterSlot(free, words);
      const overdue = placeToTakeOver(files.map(holderOf), uid);
      if (overdue !== undefined) rmSync(overdue, { force: true });
      else if (steadyNow() >= deadline) return undefined;
      else await sleep(LOOK_EVERY_MS);
    }
  }

  give(): void {
    give(this.#file, this.#words);
  }
}

type Holder = { readonly file: string; readonly uid: number; readonly heldMs: number };

/** How long a user may keep a place from other users while he holds another one, and how long the only one that he holds. */
const ONE_OF_SEVERAL_MS = 60_000;
const THE_ONLY_ONE_MS = 60 * 60_000;

/**
 * Of all places, none of which is free, the one that its holder has had for so long that a user who has none may write beside him. The
 * places only spread the load, so no more than that comes of it; but nobody keeps the others of a node from their checkpoints.
 */
export function placeToTakeOver(
  holders: readonly (Holder | undefined)[],
  uid: number,
): string | undefined {
  const held = holders.filter((holder) => holder !== undefined);
  if (held.some((holder) => holder.uid === uid)) return undefined;
  const places = (of: number): number => held.filter((holder) => holder.uid === of).length;
  return held
    .filter(
      (holder) => holder.heldMs > (places(holder.uid) > 1 ? ONE_OF_SEVERAL_MS : THE_ONLY_ONE_MS),
    )
    .toSorted((a, b) => b.heldMs - a.heldMs)[0]?.file;
}

function holderOf(file: string): Holder | undefined {
  try {
    const [, , uid] = readFileSync(file, 'utf8').split(' ');
    return { file, uid: Number(uid), heldMs: Date.now() - statSync(file).mtimeMs };
  } catch {
    return undefined; // given back meanwhile
  }
}

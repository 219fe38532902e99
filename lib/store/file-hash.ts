// A file's hash: SHA-256 of its size in digits, a newline, and the SHA-256 of each half MiB. So several cores hash one file.
import { createHash, type BinaryLike } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { eachOf, lending } from '../system/at-once.ts';
import { readAt } from '../system/contents.ts';

const CHUNK_BYTES = 512 * 1024; // more takes memory, and is no faster
/** Of all files together, each with memory of its own: as many as libuv has threads. */
const CHUNKS_AT_ONCE = 4;
/** Less takes longer to hand to another thread than to hash. */
const SMALL_BYTES = 64 * 1024;
const HASH_BYTES = 32;

export type Hashing = {
  /** @param size what is after it doesn't count */
  file(path: Buffer, size: number): Promise<string>;
  link(path: Buffer): Promise<{ size: number; hash: string }>;
};

/** @param threads of libuv's hash what is not small; without them nothing is loaded for it, and a chunk takes about a millisecond */
export function hashing(threads: boolean): Hashing {
  const hashOf = threads ? byThreads : (chunk: Buffer) => sha256(chunk).digest();
  const lend = lending(Array.from({ length: CHUNKS_AT_ONCE }, () => Buffer.allocUnsafeSlow(CHUNK_BYTES)));
  return {
    async file(path, size) {
      // Whatever it may have become since somebody looked: nothing is to wait for a fifo's other end.
      await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const hashes = Buffer.alloc(HASH_BYTES * Math.ceil(size / CHUNK_BYTES));
      await eachOf(startsOf(size), CHUNKS_AT_ONCE, async (at) =>
        lend(async (memory) => {
          const chunk = await readAt(file, memory.subarray(0, Math.min(CHUNK_BYTES, size - at)), at);
          hashes.set(await hashOf(chunk), (at / CHUNK_BYTES) * HASH_BYTES);
        }),
      );
      return whole(size, hashes);
    },
    async link(path) {
      const target = await readlink(path, { encoding: 'buffer' });
      return { size: target.length, hash: whole(target.length, await hashOf(target)) };
    },
  };
}

function* startsOf(size: number): Generator<number> {
  for (let at = 0; at < size; at += CHUNK_BYTES) yield at;
}

const byThreads = async (chunk: Buffer): Promise<Uint8Array> =>
  chunk.length <= SMALL_BYTES ? sha256(chunk).digest() : new Uint8Array(await crypto.subtle.digest('SHA-256', chunk));

const whole = (size: number, hashes: Uint8Array): string => sha256(`${size}\n`).update(hashes).digest('hex');

const sha256 = (data: BinaryLike) => createHash('sha256').update(data);

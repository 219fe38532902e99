// What is in a file. Its inode's number and its time say little of that on another node, or on a share.
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const CHUNK = 256 * 1024;

/** SHA-256 of the first and the last so many bytes of a file's first `size`. Throws when the file is shorter. */
export async function digest(file: FileHandle, size: number, edge: number): Promise<string> {
  const hash = createHash('sha256');
  const first = Math.min(edge, size);
  for await (const { bytes } of pieces(file, 0, first)) hash.update(bytes);
  for await (const { bytes } of pieces(file, Math.max(first, size - edge), size)) hash.update(bytes);
  return hash.digest('hex');
}

/** Where the second differs from the first, within the first `size` bytes: what is in the first there. */
export async function* differences(first: FileHandle, second: FileHandle, size: number): AsyncGenerator<Piece> {
  const other = Buffer.alloc(CHUNK);
  for await (const piece of pieces(first, 0, size)) {
    const there = await readAt(second, other.subarray(0, piece.bytes.length), piece.at);
    if (!there.equals(piece.bytes)) yield piece;
  }
}

type Piece = { readonly at: number; readonly bytes: Buffer };

/** From one byte on to another. Each is to be used before the next is asked for. Throws when the file ends before. */
export async function* pieces(file: FileHandle, from: number, to: number): AsyncGenerator<Piece> {
  const buffer = Buffer.alloc(Math.min(CHUNK, Math.max(0, to - from)));
  for (let at = from; at < to; at += CHUNK) {
    const wanted = buffer.subarray(0, to - at);
    const bytes = await readAt(file, wanted, at);
    if (bytes.length < wanted.length) throw new Error(`only ${at + bytes.length} bytes instead of ${to}`);
    yield { at, bytes };
  }
}

/** Less than asked for only at the file's end. */
export async function readAt(file: FileHandle, into: Buffer, at: number): Promise<Buffer> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) return into.subarray(0, done);
    done += bytesRead;
  }
  return into;
}

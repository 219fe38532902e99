import type { FileHandle } from 'node:fs/promises';

/** All of it, at this place: a disk that is getting full takes a part. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

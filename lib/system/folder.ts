import { stat } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';

/** Why there is no folder of that name, if there is none; or why nobody can tell. */
export async function objectionToFolder(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? undefined : 'that is not a folder';
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return gone ? 'there is no such folder' : reasonOf(error);
  }
}

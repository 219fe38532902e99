import { stat } from 'node:fs/promises';
import { isMissing, reasonOf } from '../errors.ts';

/** Why there is no folder of that name, if there is none; or why nobody can tell. */
export async function objectionToFolder(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? undefined : 'that is not a folder';
  } catch (error) {
    return isMissing(error) ? 'there is no such folder' : reasonOf(error);
  }
}

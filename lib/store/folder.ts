// A job's folder in the store, as a listing shows it.
import fse from 'fs-extra';
import { isMissing, NodeError } from '../errors.ts';
import { objectionToFolder } from '../system/folder.ts';
import type { Address } from './address.ts';
import { listed, type Listing } from './names.ts';

/** Throws when the folder can't be read, or could not be there. */
export async function list({ folder, home }: Address): Promise<Listing> {
  const names = await namesIn(folder);
  if (names.length === 0) await mustBeThere(home);
  return listed(names);
}

/** None only where there is no folder: one that can't be read may well hold checkpoints. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await fse.readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Throws where it is missing, as when a file system is not mounted on this node. */
export async function mustBeThere(home: string): Promise<void> {
  const objection = await objectionToFolder(home);
  if (objection !== undefined) throw new NodeError(`${home}: ${objection} on this node`);
}

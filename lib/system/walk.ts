// Everything in a folder, however much it is and whatever it is called.
import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { isGone } from '../errors.ts';

/** A thread of libuv's asks for one at a time. */
const AT_ONCE = 64;

/** `status`: undefined if it went away meanwhile. */
export type Found = { readonly name: string; readonly status: BigIntStats | undefined };

/** A name in a folder, a character a byte (latin1): not every name is text. */
export const pathOf = (folder: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);

/**
 * Folders before what is in them; symbolic links aren't followed. Throws when something is there that can't be read, or
 * when there is no such folder.
 * @param isLeftOut asked with names as pathOf() takes them
 */
export async function* walk(folder: string, isLeftOut: (name: string) => boolean): AsyncGenerator<Found> {
  const folders = [''];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    const names = await namesIn(folder, at);
    if (names === undefined) yield { name: at, status: undefined };
    for (let from = 0; from < (names?.length ?? 0); from += AT_ONCE) {
      const some = names?.slice(from, from + AT_ONCE).filter((name) => !isLeftOut(name)) ?? [];
      for (const found of await Promise.all(some.map(async (name) => look(folder, name)))) {
        if (found.status?.isDirectory() === true) folders.push(found.name);
        yield found;
      }
    }
  }
}

async function namesIn(folder: string, at: string): Promise<string[] | undefined> {
  try {
    const names = await readdir(pathOf(folder, at), { encoding: 'latin1' });
    return at === '' ? names : names.map((name) => `${at}/${name}`);
  } catch (error) {
    if (at !== '' && isGone(error)) return undefined;
    throw error;
  }
}

async function look(folder: string, name: string): Promise<Found> {
  try {
    return { name, status: await lstat(pathOf(folder, name), { bigint: true }) };
  } catch (error) {
    if (isGone(error)) return { name, status: undefined };
    throw error;
  }
}

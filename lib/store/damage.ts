// What has become of a checkpoint's files since they were listed.
import type { BigIntStats } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { isGone, isMissing } from '../errors.ts';
import { eachOf } from '../system/at-once.ts';
import { pathOf } from '../system/walk.ts';
import { hashing } from './file-hash.ts';
import { kindOf, readList, shown, type Sum } from './sum-list.ts';
import { contentOf, everythingIn, FILES_AT_ONCE, type Listed } from './sums.ts';

type Seen = { readonly name: string; readonly sum: Sum };

/**
 * In a few words, with the name of a file; undefined if nothing is wrong. All are looked at; so many bytes of them are
 * read, the smallest files first, for those hold the structure, and the large ones memory. Throws when something is there
 * that can't be read: nobody knows what is in it, and it is no damage.
 * @param hash what write() returned
 */
export async function damageIn(
  listed: Listed,
  { hash, limitBytes }: { hash: string; limitBytes: number },
): Promise<string | undefined> {
  await access(listed.folder); // where it isn't nobody knows
  const sums = await readList(path.join(listed.folder, listed.list), hash).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (!sums) return 'its list of files is damaged';
  const { damage, seen } = await lookAt(listed, sums);
  return damage ?? (await readThrough(listed, smallest(seen, limitBytes)));
}

/** @param sums taken out of it as they are found */
async function lookAt(listed: Listed, sums: Map<string, Sum>): Promise<{ damage: string | undefined; seen: Seen[] }> {
  const seen: Seen[] = [];
  let [different, unknown]: (string | undefined)[] = [];
  for await (const { name, status } of everythingIn(listed)) {
    const sum = sums.get(name);
    if (!status) continue;
    sums.delete(name);
    if (sum) {
      different ??= difference(name, sum, status);
      seen.push({ name, sum });
    } else unknown ??= `${shown(name)} was not there when it was made`;
  }
  const [missing] = sums.keys();
  return { damage: missing === undefined ? (different ?? unknown) : `${shown(missing)} is missing`, seen };
}

function difference(name: string, sum: Sum, status: BigIntStats): string | undefined {
  const kind = kindOf(status);
  if (kind !== sum.kind) return `${shown(name)} is a ${kind} instead of a ${sum.kind}`;
  if (kind !== 'file' || status.size === BigInt(sum.size)) return undefined;
  return `${shown(name)} has ${status.size} bytes instead of ${sum.size}`;
}

function* smallest(seen: Seen[], limitBytes: number): Generator<Seen> {
  let bytes = 0;
  for (const file of seen.toSorted((a, b) => a.sum.size - b.sum.size)) {
    bytes += file.sum.size;
    if (bytes > limitBytes) return;
    yield file;
  }
}

async function readThrough({ folder, threads }: Listed, files: Iterable<Seen>): Promise<string | undefined> {
  const damages: string[] = [];
  const hash = hashing(threads);
  await eachOf(files, FILES_AT_ONCE, async ({ name, sum }) => {
    if (damages.length > 0) return;
    try {
      const content = await contentOf(pathOf(folder, name), sum, hash);
      if (content.hash !== sum.hash) damages.push(`${shown(name)} has changed`);
    } catch (error) {
      if (!isGone(error)) throw error;
      damages.push(`${shown(name)} is missing`);
    }
  });
  return damages[0];
}

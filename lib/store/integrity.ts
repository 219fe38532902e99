import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { ToolError, saysMissing } from '../errors.ts';
import { describeEnd, lastLine, run } from '../system/run.ts';

/** A file of a checkpoint, by its name relative to the checkpoint's folder. */
export type Fingerprint = { readonly name: string; readonly size: number; readonly blake3: string };

/** Logs and statistics that criu still writes when the checkpoint is complete; no restore reads them. */
const UNREAD = /\.log(?:\.\d+)?$|\/stats-(?:dump|restore)$/;

const NAMES_A_CALL = 500;

/** Every file of a checkpoint that a restore reads, with its content's hash. */
export async function fingerprints(folder: string, path: string): Promise<Fingerprint[]> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !UNREAD.test(name));
  const files = await sized(folder, names);
  const hashes = await hash(folder, files, path);
  return files.map(({ name, size }) => ({ name, size, blake3: hashes.get(name) ?? '' }));
}

/**
 * What is wrong with a checkpoint's files, in a few words; undefined when nothing is. Sizes are always compared, contents up to
 * `limit` bytes in all, the small files first: those hold the structure, the large ones the memory. Throws when a file that is there cannot
 * be read: then nobody knows.
 */
export async function findDamage(
  folder: string,
  expected: readonly Fingerprint[],
  options: { limit: number; path: string },
): Promise<string | undefined> {
  const damage = await findMissing(folder, expected);
  if (damage !== undefined) return damage;
  let budget = options.limit;
  const toHash = expected
    .toSorted((a, b) => a.size - b.size)
    .filter(({ size }) => {
      budget -= size;
      return budget >= 0;
    });
  const hashes = await hash(folder, toHash, options.path);
  const changed = expected.find(
    ({ name, blake3 }) => hashes.has(name) && hashes.get(name) !== blake3,
  );
  return changed && `${changed.name} has changed`;
}

/** The same by the files' names and sizes alone. */
export async function findMissing(
  folder: string,
  expected: readonly Fingerprint[],
): Promise<string | undefined> {
  const damages = await Promise.all(
    expected.map(async ({ name, size: wanted }) => {
      try {
        const { size } = await lstat(join(folder, name));
        return size === wanted ? undefined : `${name} has ${size} bytes instead of ${wanted}`;
      } catch (error) {
        if (saysMissing(error)) return `${name} is missing`;
        throw error;
      }
    }),
  );
  return damages.find((damage) => damage !== undefined);
}

async function sized(
  folder: string,
  names: readonly string[],
): Promise<{ name: string; size: number }[]> {
  return Promise.all(
    names.map(async (name) => ({ name, size: (await lstat(join(folder, name))).size })),
  );
}

/**
 * Hashes by b3sum, which uses all processors for each file. Throws ToolError when a file cannot be read, which says nothing of what is in
 * it.
 */
async function hash(
  folder: string,
  files: readonly { name: string }[],
  path: string,
): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (let start = 0; start < files.length; start += NAMES_A_CALL) {
    const names = files.slice(start, start + NAMES_A_CALL).map(({ name }) => name);
    const ended = await run(['b3sum', '--', ...names], {
      deadlineMs: Infinity,
      path,
      cwd: folder,
    });
    if (ended.exitCode !== 0) {
      throw new ToolError(`b3sum ${describeEnd(ended)}: ${lastLine(ended.stderr)}`);
    }
    for (const line of ended.stdout.split('\n')) {
      const [, sum, name] = /^([0-9a-f]{64}) {2}(.*)$/.exec(line) ?? [];
      if (sum !== undefined && name !== undefined) hashes.set(name, sum);
    }
  }
  const without = files.find(({ name }) => !hashes.has(name));
  if (without) throw new ToolError(`b3sum said nothing of ${without.name}`);
  return hashes;
}

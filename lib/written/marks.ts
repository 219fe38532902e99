// In the folder of a checkpoint from which the tree has run on, once it was made or restored: how its files were then. What
// the tree wrote to them since is undone before it goes on from there once more, for it writes that again.
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { isMissing } from '../errors.ts';
import { syncFile } from '../store/durable.ts';
import { MARKS } from '../store/seal.ts';
import { Written } from '../store/written.ts';

const Outputs = v.array(v.object({ path: v.string(), size: v.number() }));
/** An older version marked outputs only. */
const Marks = v.union([
  v.object({ outputs: Outputs, written: v.array(Written) }),
  v.pipe(
    Outputs,
    v.transform((outputs) => ({ outputs, written: [] })),
  ),
]);
export type Marks = {
  readonly outputs: readonly { readonly path: string; readonly size: number }[];
  readonly written: readonly Written[];
};

/** Undefined: nobody has gone on from it. */
export async function readMarks(checkpoint: string): Promise<Marks | undefined> {
  try {
    return v.parse(Marks, JSON.parse(await readFile(path.join(checkpoint, MARKS), 'utf8')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Durable: the node may be lost at any time after. */
export async function writeMarks(checkpoint: string, marks: Marks): Promise<void> {
  const [final, draft] = [path.join(checkpoint, MARKS), path.join(checkpoint, `${MARKS}.new`)];
  await writeFile(draft, JSON.stringify(marks), { mode: 0o600 });
  await syncFile(draft);
  await rename(draft, final); // half of it would be in the way of every restore
  await syncFile(checkpoint);
}

/** As they are now. */
export async function sizesOf(files: readonly string[]): Promise<Marks['outputs']> {
  const sizes = await Promise.all(files.map(async (file) => stat(file).catch(() => undefined)));
  return files.flatMap((file, at) => (sizes[at] ? [{ path: file, size: sizes[at].size }] : []));
}

import { readdir, stat } from 'node:fs/promises';

import { reasonOf } from '../errors.ts';
import { describeEnd, lastLine, run } from '../system/run.ts';

export type Delivery =
  | { readonly kind: 'delivered'; readonly entries: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** rsync's words for a delivery: contents and times, but nothing that a result folder on a share may not be able to hold. */
const RSYNC = [
  'rsync',
  '--recursive',
  '--links',
  '--perms',
  '--times',
  '--omit-dir-times',
  '--hard-links',
  '--sparse',
];

/**
 * The commands that bring TMPDIR's entries into the result folder, as the user. The entries are named one by one, so that
 * the result folder keeps its own mode. Their names are to be given on stdin, each as `/NAME` and a NUL: rsync takes the slash off, and
 * without it `#` and `;` for the beginning of a comment.
 */
export const deliveryCommand = (scratch: string, resultFolder: string): string[] => [
  ...RSYNC,
  ...['--from0', '--files-from=-', `${scratch}/`, `${resultFolder}/`],
];

/** Copies all that is in TMPDIR to the result folder and makes it durable. Nothing is removed from TMPDIR. */
export async function deliver(
  scratch: string,
  resultFolder: string,
  path: string,
  progress: { abort?: AbortSignal } = {},
): Promise<Delivery> {
  // As bytes: a name need be no UTF-8.
  let names: Buffer[];
  try {
    names = await readdir(scratch, { encoding: 'buffer' });
    if (!(await stat(resultFolder)).isDirectory()) {
      return { kind: 'failed', reason: `${resultFolder} is no folder` };
    }
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
  if (names.length === 0) return { kind: 'delivered', entries: 0 };
  const ended = await run(deliveryCommand(scratch, resultFolder), {
    deadlineMs: Infinity,
    path,
    input: Buffer.concat(names.flatMap((name) => [Buffer.from('/'), name, Buffer.of(0)])),
    ...(progress.abort ? { abort: progress.abort } : {}),
  });
  if (ended.exitCode !== 0) {
    const said =
      ended.stderr.split('\n').find((line) => line.startsWith('rsync: ')) ?? lastLine(ended.stderr);
    return { kind: 'failed', reason: `rsync ${describeEnd(ended)}: ${said}` };
  }
  const synced = await run(['sync', '--file-system', resultFolder], { deadlineMs: Infinity, path });
  if (synced.exitCode !== 0) {
    return { kind: 'failed', reason: `sync ${describeEnd(synced)}: ${lastLine(synced.stderr)}` };
  }
  return { kind: 'delivered', entries: names.length };
}

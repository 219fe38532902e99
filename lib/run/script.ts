// The job's script, which TaskProlog has left in the run folder, and a stub in its place.
import { open, readFile } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';
import { messages } from '../messages.ts';
import type { RunFolder } from '../run-folder.ts';

/** `lacks`: why it is not back in its place; `text` is then what could be read of it. */
export type PutBack = { readonly text: string; readonly lacks: string | undefined };

/**
 * bash keeps the script open while it runs, and CRIU wants a file of the same size: the original goes back before anything runs.
 * @param spooled where slurmstepd has it
 */
export async function putBack({ script }: RunFolder, spooled: string): Promise<PutBack> {
  let text = '';
  try {
    const original = await readFile(script);
    text = original.toString();
    await using file = await open(spooled, 'r+'); // what is allocated has room even where the disk has none
    await file.writeFile(original);
    await file.truncate(original.length);
    return { text, lacks: undefined };
  } catch (error) {
    return { text, lacks: messages.noScript(reasonOf(error)) };
  }
}

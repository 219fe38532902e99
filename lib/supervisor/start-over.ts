// A job that has no checkpoint yet begins again, should its node be lost.
import { reasonOf } from '../errors.ts';
import { messages } from '../messages.ts';
import { readMarks, sizesOf, writeMarks } from '../written/marks.ts';
import { outputFiles } from '../written/outputs.ts';
import { undo } from '../written/undo.ts';
import type { Beginning } from './story.ts';

type Around = Pick<Beginning, 'store' | 'say' | 'isProtected'>;

/** There is only its output to undo: what it wrote there before will be written again. */
export async function startOver({ store, say, isProtected }: Around): Promise<void> {
  say(messages.startingOver());
  if (!isProtected) return;
  try {
    const marks = await readMarks(store.folder);
    for (const file of marks ? await undo(marks, store.folder) : []) say(messages.undoneAll(file));
  } catch (error) {
    say(messages.notUndone(reasonOf(error)));
  }
}

/**
 * How far its output reaches before it begins: looked at now, and noted by what is returned, for which the job's first line
 * need not wait.
 */
export async function markBeginning({ store, say, isProtected }: Around): Promise<() => Promise<void>> {
  const outputs = isProtected ? await sizesOf(outputFiles()) : [];
  return async () => {
    if (isProtected)
      await writeMarks(store.folder, { outputs, written: [] }).catch((error: unknown) =>
        say(messages.notMarked(reasonOf(error))),
      );
  };
}

// So many checkpoints at once on a node: each agent marks its run folder while its job's is being written. It marks first and
// looks at the others' marks then: of several that come at once, the last to look sees all, so there are never too many. A
// mark counts while the process that made it lives; no lock is left behind by an agent that is killed.
import { rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { RunFolder } from '../run-folder.ts';
import { identityOf, linkOf, namesIn } from '../system/proc.ts';

export type Slots = {
  /** False: there are as many as there may be. Of several that come at once each may be told so; they come again. */
  enter(): boolean;
  leave(): void;
};

/** Only root may write to a run folder, and to the one that holds them all. */
export function slots(folder: Pick<RunFolder, 'path' | 'writing'>, writers: number): Slots {
  const [all, own] = [path.dirname(folder.path), path.basename(folder.path)];
  const areTaken = (): boolean => {
    const others = (namesIn(all) ?? []).filter((name) => name !== own);
    const marks = others.map((name) => path.join(all, name, path.basename(folder.writing)));
    return marks.filter(isHeld).length >= writers;
  };
  const leave = (): void => rmSync(folder.writing, { force: true });
  const enter = (): boolean => {
    if (areTaken()) return false; // without a mark that would be in another's way for a moment
    leave(); // of an earlier agent of the job, which is gone
    symlinkSync(identityOf(process.pid)!, folder.writing); // made in one step: nobody sees half of it
    if (!areTaken()) return true;
    leave();
    return false;
  };
  return { enter, leave };
}

function isHeld(mark: string): boolean {
  const holder = linkOf(mark);
  return holder !== undefined && holder === identityOf(Number.parseInt(holder, 10));
}

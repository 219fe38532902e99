// C6: a store that stops answering while a checkpoint is written. Nobody waits for it: the tree runs on, and whatever else
// comes, like a signal or its end, is dealt with. What hangs there comes to nothing once the store is back.
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../system/exec.ts';

export type Vigil = Disposable & {
  /** Once the store has been silent for a minute, and what stands still for it may be let go; else never. */
  readonly givenUp: Promise<'given-up'>;
  isGivenUp(): boolean;
  /** Who lets the tree run on. False: not now, for it is being committed, and nobody could say how that ended. */
  heldBy(letGo: () => boolean): void;
};

const LOOK_SECONDS = 10;
const PATIENCE_SECONDS = 60;

type Look = { readonly answers: (folder: string) => Promise<boolean>; readonly everySeconds: number };
const nothingToLetGo = (): boolean => true;

export function vigil(folder: string, look: Look = { answers: isThere, everySeconds: LOOK_SECONDS }): Vigil {
  const over = new AbortController();
  let letGo = nothingToLetGo;
  let isGivenUp = false;
  const watch = async (): Promise<'given-up'> => {
    for (;;) {
      await sleep(look.everySeconds * 1000, undefined, { signal: over.signal });
      if ((await look.answers(folder)) || over.signal.aborted || !letGo()) continue;
      isGivenUp = true;
      return 'given-up';
    }
  };
  return {
    givenUp: new Promise((resolve) => void watch().then(resolve, () => {})), // rejects at the end of the scope
    isGivenUp: () => isGivenUp,
    heldBy: (how) => (letGo = how),
    [Symbol.dispose]: () => over.abort(),
  };
}

/** Another process asks, for what waits for a dead share may never come back. An error is an answer, too. */
async function isThere(folder: string): Promise<boolean> {
  const asked = run(['stat', '--file-system', '--', folder], { deadlineSeconds: 2 * PATIENCE_SECONDS });
  return (await Promise.race([asked, sleep(PATIENCE_SECONDS * 1000, undefined, { ref: false })])) !== undefined;
}

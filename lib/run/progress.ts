// Steps that take long say how far they are: who watches the output must not take a working job for a hanging one.
import { setTimeout as sleep } from 'node:timers/promises';
import { messages } from '../messages.ts';
import { run } from '../system/exec.ts';
import type { Say } from './output.ts';

const FIRST_SECONDS = 10;
const NEXT_SECONDS = 30;
/** A share that hangs doesn't tell how much it holds. */
const PATIENCE_SECONDS = 2;

/** @param folder where the step writes to, for how much it has written; none: nobody can tell */
export async function withProgress<T>(
  { say, name, folder }: { readonly say: Say; readonly name: string; readonly folder?: string },
  step: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const over = new AbortController();
  const report = async (): Promise<void> => {
    for (let wait = FIRST_SECONDS; ; wait = NEXT_SECONDS) {
      await sleep(wait * 1000, undefined, { signal: over.signal });
      const bytes = folder === undefined ? undefined : await bytesIn(folder);
      if (!over.signal.aborted) say(messages.progress(name, bytes, (performance.now() - began) / 1000));
    }
  };
  report().catch(() => {}); // the step is over
  try {
    return await step();
  } finally {
    over.abort();
  }
}

async function bytesIn(folder: string): Promise<number | undefined> {
  const count = run(['du', '--summarize', '--block-size=1', '--', folder], { deadlineSeconds: PATIENCE_SECONDS });
  const said = await Promise.race([count, sleep(PATIENCE_SECONDS * 1000)]);
  const bytes = Number.parseInt(said?.stdout ?? '', 10);
  return Number.isNaN(bytes) ? undefined : bytes;
}

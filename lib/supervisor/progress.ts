import { describeBytes, describeSeconds, steadyNow } from '../time.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

const FIRST_REPORT_MS = 10_000;
const NEXT_REPORT_MS = 30_000;
/** How long a report waits for the number of bytes: a share that hangs does not tell it. */
const COUNT_PATIENCE_MS = 2000;

/** What a user is told while a share does not answer. */
export const waiting = (run: Run): string => `Waiting for the checkpoint folder ${run.store.path}`;

/** Does a step and reports how far it is when it takes longer than ten seconds, and then every half minute. */
export async function withProgress<T>(
  name: string,
  step: () => Promise<T>,
  bytesDone?: () => Promise<number>,
): Promise<T> {
  const startedAt = steadyNow();
  let isOver = false;
  let counting: Promise<number | undefined> | undefined;
  const report = async (): Promise<void> => {
    counting ??= bytesDone?.()
      .catch(() => undefined)
      .finally(() => {
        counting = undefined;
      });
    const patience = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), COUNT_PATIENCE_MS).unref();
    });
    const bytes = await Promise.race([counting, patience]);
    if (isOver) return;
    const elapsed = describeSeconds((steadyNow() - startedAt) / 1000);
    say(`${name}: ${bytes === undefined ? '' : `${describeBytes(bytes)} so far, `}${elapsed}`);
  };
  let timer = setTimeout(function again() {
    void report();
    timer = setTimeout(again, NEXT_REPORT_MS);
  }, FIRST_REPORT_MS);
  try {
    return await step();
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}

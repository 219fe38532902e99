import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { parseScriptEnd, type ScriptEnd } from '../tree/tree.ts';

/** How the script ended, as its shell wrote it; undefined when nobody did, for the tree was killed from outside, shells and all. */
export async function scriptEnd(statusFile: string): Promise<ScriptEnd | undefined> {
  // The tree's end, and the file that it wrote before, are seen independently.
  for (let tries = 0; tries < 50; tries += 1) {
    const end = readScriptEnd(statusFile);
    if (end) return end;
    await sleep(10);
  }
  return undefined;
}

/** linux/signal.h. */
const SIGTRAP = 5;

/**
 * Whether an end is one that a criu that was broken off brings about: SIGTRAP for a process that comes upon code of criu's (a shell
 * that waited for it ends with 128 more), or nobody left to say.
 */
export const mayBeCriusDoing = (end: ScriptEnd | undefined): boolean =>
  end === undefined || ('signal' in end ? end.signal === SIGTRAP : end.exitCode === 128 + SIGTRAP);

export const succeeded = (end: ScriptEnd): boolean => 'exitCode' in end && end.exitCode === 0;

function readScriptEnd(file: string): ScriptEnd | undefined {
  try {
    return parseScriptEnd(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

const NotedEnd = v.union([
  v.strictObject({ exitCode: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)) }),
  v.strictObject({ signal: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)) }),
]);

/** How the script ended in an earlier run, as that noted it in the store. */
export function parseNotedEnd(noted: unknown): ScriptEnd | undefined {
  const parsed = v.safeParse(NotedEnd, noted);
  return parsed.success ? parsed.output : undefined;
}

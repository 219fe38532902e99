import { join } from 'node:path';

import * as v from 'valibot';

import { readJson, replaceJson, syncFolder } from './durable.ts';

/** Beside a checkpoint: signals that came for its script when that was saved already. */
const fileOf = (checkpoint: string): string => join(checkpoint, 'signals.json');

/** Notes signals that the script is to get each time that it goes on from its checkpoint. */
export async function noteSignals(checkpoint: string, signals: readonly string[]): Promise<void> {
  await replaceJson(fileOf(checkpoint), signals);
  await syncFolder(checkpoint);
}

/** Throws when it cannot be known. */
export async function signalsFor(checkpoint: string): Promise<readonly string[]> {
  return (await readJson(fileOf(checkpoint), v.array(v.string()))) ?? [];
}

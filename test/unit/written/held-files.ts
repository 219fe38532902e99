// Files in a folder of a test's own, and what is noted of them while a process holds them.
import { appendFile, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Written } from '../../../lib/store/written.ts';
import { noteWritten } from '../../../lib/written/written.ts';
import { holder } from './holder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp('/var/tmp/held-files-');
  await mkdir(at('1'));
});
afterEach(async () => rm(folder, { recursive: true }));

export const at = (name = '.'): string => path.join(folder, name);
export const text = async (name: string): Promise<string> => readFile(at(name), 'utf8');

type Held = readonly (readonly [mode: string, name: string])[];

/** What is noted of files that are held in these modes (holds.py), as they are. */
export async function noted(held: Held, except: readonly string[] = []): Promise<Written[]> {
  await using tree = await holder(...held.flatMap(([mode, name]) => [mode, at(name)]));
  return await noteWritten(tree.pid, { except, into: at('1') });
}

/** The same, each with one more line. */
export async function notedWithLines(held: Held, except?: readonly string[]): Promise<Written[]> {
  for (const [, name] of held) await appendFile(at(name), `this is ${name}\n`);
  return noted(held, except);
}

export async function write(name: string, bytes: string, position: number): Promise<void> {
  await using file = await open(at(name), 'r+');
  await file.write(bytes, position);
}

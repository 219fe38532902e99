import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { statOf } from '../system/proc.ts';

/**
 * What a process that has something of this node to itself writes into its file: pid and start time, which no two processes of a boot have
 * in common. The file of one that is gone counts as free.
 */
export const claimOf = (pid: number): string => `${pid} ${statOf(pid)?.startTime ?? 'gone'}`;

/**
 * Takes a file for this process; false while another one has it. When it was a dead one's, two that come at the same moment may both get it.
 * @param words begin with this process's claim
 */
export function take(file: string, words: string): boolean {
  if (wrote(file, words)) return true;
  const holder = wordsIn(file);
  // Empty: its taker is just writing it.
  if (holder === undefined || holder === '') return false;
  const [pid, startTime] = holder.split(' ');
  if (claimOf(Number(pid)) === `${pid} ${startTime}`) return false;
  rmSync(file, { force: true });
  return wrote(file, words);
}

/** Gives a file back, which somebody else may have by now. */
export function give(file: string, words: string): void {
  if (wordsIn(file) === words) rmSync(file, { force: true });
}

function wrote(file: string, words: string): boolean {
  try {
    writeFileSync(file, words, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

function wordsIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

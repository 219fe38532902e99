import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { endless } from '../../../lib/lease/lease.ts';
import { untilDecided } from '../../../lib/saving/held.ts';

/** One that has ended: nobody holds it. */
const gone = { pid: spawnSync('true').pid, ended: new Promise<never>(() => {}) };

const nobody = (): boolean => false;

function holding(isGivenUp = false) {
  const words: string[] = [];
  let giveUp = nobody;
  const agent = { decide: (_: string, word: string) => void words.push(word) };
  const vigil = { isGivenUp: () => isGivenUp, heldBy: (how: () => boolean) => void (giveUp = how) };
  const hold = untilDecided(gone, { agent, dump: 'd', lease: endless(), vigil });
  return { hold, words, giveUp: () => giveUp() };
}

test('a tree that is given up runs on, and is not to be committed any more', () => {
  const { hold, words, giveUp } = holding();
  expect(giveUp()).toBe(true);
  expect(words).toEqual(['abort']);
  expect(() => hold.mustHold()).toThrow(/given up/);
});

test('a tree whose checkpoint is there is ended, and never given up', async () => {
  const { hold, words, giveUp } = holding();
  await hold.end();
  expect(giveUp()).toBe(false);
  expect(words).toEqual(['commit']);
});

test('what was given up before the dump is not dumped', () => {
  expect(() => holding(true)).toThrow(/given up/);
});

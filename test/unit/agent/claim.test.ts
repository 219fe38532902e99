import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { claimOf, give, take } from '../../../lib/agent/claim.ts';
import { tempFolder } from '../temp-folder.ts';

const mine = claimOf(process.pid);

test('one process has a file to itself until it gives it back', () => {
  const file = join(tempFolder(), 'claim');
  expect(take(file, `${mine} 2001`)).toBe(true);
  expect(take(file, mine)).toBe(false);
  expect(readFileSync(file, 'utf8')).toBe(`${mine} 2001`);
  give(file, `${mine} 2001`);
  expect(existsSync(file)).toBe(false);
});

test('what a process had that is gone is free', () => {
  const file = join(tempFolder(), 'claim');
  const { pid } = spawnSync('true');
  for (const dead of [`${pid} 12345`, `${process.pid} 1`]) {
    writeFileSync(file, dead);
    expect(take(file, mine)).toBe(true);
    give(file, mine);
  }
});

test('a file that somebody else has by now is not given back', () => {
  const file = join(tempFolder(), 'claim');
  writeFileSync(file, '1 1');
  give(file, mine);
  expect(readFileSync(file, 'utf8')).toBe('1 1');
});

test('a file that its taker is just writing is his', () => {
  const file = join(tempFolder(), 'claim');
  writeFileSync(file, '');
  expect(take(file, mine)).toBe(false);
});

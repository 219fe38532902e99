import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { findDamage, fingerprints } from '../../../lib/store/integrity.ts';
import { tempFolder } from '../temp-folder.ts';

const PATH = '/usr/bin:/bin';
const FILE = 'images/pages-1.img';

async function look(change: (folder: string) => void): Promise<string | undefined> {
  const folder = tempFolder();
  mkdirSync(join(folder, 'images'));
  for (const name of [FILE, 'images/core-2.img']) writeFileSync(join(folder, name), 'content');
  const expected = await fingerprints(folder, PATH);
  change(folder);
  return findDamage(folder, expected, { limit: Infinity, path: PATH });
}

test('a checkpoint as it was taken is sound', async () => {
  expect(await look(() => undefined)).toBeUndefined();
});

test.each([
  [`${FILE} is missing`, (folder: string) => rmSync(join(folder, FILE))],
  [`${FILE} has 3 bytes instead of 7`, (folder: string) => truncateSync(join(folder, FILE), 3)],
  [`${FILE} has changed`, (folder: string) => writeFileSync(join(folder, FILE), 'CONTENT')],
])('%s: that is damage', async (damage, change) => {
  expect(await look(change)).toBe(damage);
});

test('a file that is there but cannot be had now says nothing of the checkpoint', async () => {
  const images = (folder: string): string => join(folder, 'images');
  await expect(
    look((folder) => {
      rmSync(images(folder), { recursive: true });
      symlinkSync('images', images(folder));
    }),
  ).rejects.toThrow('ELOOP');
});

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { CutOff } from '../../../lib/store/cut-off.ts';
import { tempFolder } from '../temp-folder.ts';

const LIMIT = 10;

function example(): { cutOff: CutOff; folder: string; file: string } {
  const folder = tempFolder();
  const file = join(folder, 'log.txt');
  writeFileSync(file, 'one\ntwo\nthree\n');
  return { cutOff: new CutOff(join(folder, '42'), LIMIT), folder, file };
}

test('what is cut off is kept beside the checkpoints of its job, and its owner is told where', async () => {
  const { cutOff, folder, file } = example();
  await cutOff.keep(file, 4, 14);
  const [name = ''] = readdirSync(folder).filter((each) => each.startsWith('42'));
  expect(name).toMatch(/^42\.cut-\d+$/);
  expect(readFileSync(join(folder, name, '1.log.txt'), 'utf8')).toBe('two\nthree\n');
  expect(cutOff.told('7 d')).toEqual([
    `What was cut off is in ${join(folder, name)} for 7 d, should another program have written some of it`,
  ]);
});

test('files of one name do not replace each other', async () => {
  const { cutOff, file } = example();
  await cutOff.keep(file, 0, 4);
  await cutOff.keep(file, 4, 8);
  expect(readdirSync(cutOff.folder).toSorted()).toEqual(['1.log.txt', '2.log.txt']);
});

test('where nothing is cut off there is nothing, and nothing to tell', () => {
  const { cutOff } = example();
  expect(cutOff.told('7 d')).toEqual([]);
  expect(existsSync(cutOff.folder)).toBe(false);
});

test('what is too long is not kept, and its owner is told', async () => {
  const { cutOff, file } = example();
  await cutOff.keep(file, 0, LIMIT + 1);
  expect(cutOff.told('7 d')).toEqual([
    `What was cut off from ${file} could not be kept (it is longer than output_copy_limit)`,
  ]);
  expect(existsSync(cutOff.folder)).toBe(false);
});

test('what cannot be kept does not stop the job, and its owner is told', async () => {
  const { cutOff, folder, file } = example();
  await cutOff.keep(join(folder, 'gone'), 0, 1);
  expect(cutOff.told('7 d').join()).toMatch(/gone could not be kept \(.*no such file/i);
  await cutOff.keep(file, 0, 4);
  expect(readdirSync(cutOff.folder)).toEqual(['1.log.txt']);
});

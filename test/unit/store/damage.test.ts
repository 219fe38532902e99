import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Listed } from '../../../lib/store/sums.ts';
import { mustRun } from '../../../lib/system/exec.ts';
import { asNobody, damage, makeCheckpoint, MIB, NO_TEXT, seal } from './checkpoint.ts';

let listed: Listed;
let hash = '';
const at = (name: string): string => path.join(listed.folder, name);
beforeEach(async () => {
  listed = await makeCheckpoint();
  hash = await seal(listed);
});
afterEach(async () => fse.remove(listed.folder));

async function flipByte(name: string, position: number): Promise<void> {
  const file = await fse.open(at(name), 'r+');
  await fse.write(file, '!', position);
  await fse.close(file);
}

test('in a checkpoint that is as it was made there is none', async () => {
  expect(await damage(listed, hash)).toBeUndefined();
});

test.each<[string, string, () => Promise<unknown>]>([
  ['changed in its middle', 'images/pages-1.img has changed', async () => flipByte('images/pages-1.img', 1.5 * MIB)],
  ['changed at its end', 'images/pages-1.img has changed', async () => flipByte('images/pages-1.img', 3 * MIB - 1)],
  ['changed in a hole', 'tmpdir/sparse has changed', async () => flipByte('tmpdir/sparse', 5 * MIB)],
  [
    'truncated',
    'images/core-1.img has 4096 bytes instead of 8192',
    async () => fse.truncate(at('images/core-1.img'), 4096),
  ],
  ['grown', 'tmpdir/empty has 1 bytes instead of 0', async () => fse.appendFile(at('tmpdir/empty'), 'x')],
  ['missing', 'tmpdir/x is missing', async () => fse.remove(at('tmpdir/x'))],
  [
    'of an odd name and missing',
    String.raw`tmpdir/a\x0afile 3 - b is missing`,
    async () => fse.remove(at('tmpdir/a\nfile 3 - b')),
  ],
  [
    'of a name that is no text, and missing',
    'tmpdir/f\u{FFFD}\u{FFFD} is missing',
    async () => fse.unlink(Buffer.concat([Buffer.from(at('tmpdir/')), NO_TEXT])),
  ],
  ['new', 'tmpdir/y was not there when it was made', async () => fse.writeFile(at('tmpdir/y'), '')],
  ['renamed', 'images/core-1.img is missing', async () => fse.rename(at('images/core-1.img'), at('images/core-2.img'))],
  [
    'no file any more',
    'tmpdir/x is a folder instead of a file',
    async () => {
      await fse.remove(at('tmpdir/x'));
      await fse.mkdir(at('tmpdir/x'));
    },
  ],
  [
    'a link that leads elsewhere',
    'tmpdir/link has changed',
    async () => {
      await fse.remove(at('tmpdir/link'));
      await fse.symlink('no such fire', at('tmpdir/link'));
    },
  ],
  ['a fifo that is missing', 'tmpdir/fifo is missing', async () => fse.remove(at('tmpdir/fifo'))],
  ['a folder that is missing', 'tmpdir/folder is missing', async () => fse.remove(at('tmpdir/folder'))],
  ['the list, and cut', 'its list of files is damaged', async () => fse.truncate(at('files'), 100)],
  ['the list, and changed', 'its list of files is damaged', async () => flipByte('files', 3)],
  ['the list, and missing', 'its list of files is damaged', async () => fse.remove(at('files'))],
  [
    'the list, and of another checkpoint',
    'its list of files is damaged',
    async () => {
      await fse.appendFile(at('tmpdir/x'), 'x');
      await seal(listed);
    },
  ],
])('a file that is %s is damage: %s', async (_, phrase, harm) => {
  await harm();
  expect(await damage(listed, hash)).toBe(phrase);
});

test('what is left out may change, go and come', async () => {
  await fse.remove(at('manifest.json'));
  await fse.appendFile(at('images/stats-dump'), 'longer');
  expect(await damage(listed, hash)).toBeUndefined();
});

test('within a limit the small files are read, and the large ones looked at', async () => {
  const limit = 2 * MIB;
  await flipByte('images/pages-1.img', 0);
  expect(await damage(listed, hash, limit)).toBeUndefined();
  await fse.truncate(at('images/pages-1.img'), MIB);
  expect(await damage(listed, hash, limit)).toBe(`images/pages-1.img has ${MIB} bytes instead of ${3 * MIB}`);
  await fse.truncate(at('images/pages-1.img'), 3 * MIB);
  await flipByte('images/core-1.img', 100);
  expect(await damage(listed, hash, limit)).toBe('images/core-1.img has changed');
  expect(await damage(listed, hash, 0)).toBeUndefined();
});

test('the limit is for all files together', async () => {
  await flipByte('images/pages-1.img', 0);
  await flipByte('tmpdir/sparse', 0);
  expect(await damage(listed, hash, 8 * MIB)).toBe('images/pages-1.img has changed');
});

test('a file that cannot be read is no damage: nobody knows what is in it', async () => {
  await fse.chmod(at('images/core-1.img'), 0);
  await asNobody(listed.folder, async () => expect(damage(listed, hash)).rejects.toThrow(/EACCES.*core-1.img/));
});

test.each(['tmpdir', 'files'])('neither is %s that cannot be read', async (name) => {
  await fse.chmod(at(name), 0);
  await asNobody(listed.folder, async () => expect(damage(listed, hash)).rejects.toThrow(/EACCES/));
});

test('a checkpoint that is not there is not damaged: it may be elsewhere', async () => {
  await fse.move(listed.folder, `${listed.folder}.moved`);
  await expect(damage(listed, hash)).rejects.toThrow(/ENOENT/);
  await fse.move(`${listed.folder}.moved`, listed.folder);
});

test('a checkpoint that was copied to another file system is whole', async () => {
  const copy = await fse.mkdtemp('/dev/shm/sums-test-');
  try {
    await mustRun(['cp', '--archive', `${listed.folder}/.`, copy], { deadlineSeconds: 60 });
    expect(await damage({ ...listed, folder: copy }, hash)).toBeUndefined();
  } finally {
    await fse.remove(copy);
  }
});

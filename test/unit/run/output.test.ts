import { readlinkSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runFolder } from '../../../lib/run-folder.ts';
import { addLine, notedOutput, sayer } from '../../../lib/run/output.ts';

let home = '';
const inHome = (name: string): string => path.join(home, name);
const text = async (name: string): Promise<string> => fse.readFile(inHome(name), 'utf8');
beforeEach(async () => {
  home = await fse.mkdtemp('/tmp/output-test-');
});
afterEach(async () => fse.remove(home));

function opened(name: string) {
  writeFileSync(inHome(name), '', { flag: 'a' });
  const { dev: device, ino: inode } = statSync(inHome(name));
  return { path: inHome(name), device, inode, mounts: readlinkSync('/proc/self/ns/mnt') };
}

test('a sentence of several lines becomes one', () => {
  const lines: string[] = [];
  sayer(1, (line) => lines.push(line))('CRIU said:\n  one\n  two');
  expect(lines).toEqual(['CRIU said: one two']);
});

test('a line is added to the end of an output that nobody has open any more', async () => {
  await fse.writeFile(inHome('out'), 'line 1\n');
  addLine(opened('out'), { failure: 'one\n  two' });
  expect(await text('out')).toBe('line 1\n[checkpoint] one two\n');
});

test('an output is known by what was noted of it, whatever its name, and not where that is not whole', async () => {
  const folder = { ...runFolder(7), output: inHome('output') };
  expect(notedOutput(folder)).toBeUndefined();
  await fse.writeFile(folder.output, '5 7\nmnt:[1]\n/home/a\nb\n');
  expect(notedOutput(folder)).toEqual({ path: '/home/a\nb', device: 5, inode: 7, mounts: 'mnt:[1]' });
  for (const part of ['', '5 7\n', '5 7\nmnt:[1]\n', '5 7\nmnt:[1]\n/home/a']) {
    await fse.writeFile(folder.output, part);
    expect(notedOutput(folder)).toBeUndefined();
  }
});

test('nothing is added to a file of that name among other mounts, unless it is the same file', async () => {
  await fse.writeFile(inHome('out'), '');
  const elsewhere = { ...opened('out'), mounts: 'mnt:[1]' };
  addLine({ ...elsewhere, inode: elsewhere.inode + 1 }, 'another');
  expect(await text('out')).toBe('');
  addLine(elsewhere, 'same');
  expect(await text('out')).toBe('[checkpoint] same\n');
});

test('no link is followed, no folder or pipe written to, and one that has gone is not made again', async () => {
  const output = { ...opened('out'), path: inHome('link') };
  await fse.symlink(inHome('out'), inHome('link'));
  addLine(output, 'linked');
  for (const name of ['gone', '.']) addLine({ ...output, path: inHome(name) }, 'no');
  expect(await text('out')).toBe('');
  expect(await fse.readdir(home)).toEqual(expect.arrayContaining(['link', 'out']));
  expect(await fse.readdir(home)).toHaveLength(2);
});

test('an output that is no file has no lines added', () => {
  expect(() => addLine({ ...opened('out'), path: '/dev/null' }, 'no')).not.toThrow();
});

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { deliver } from '../../../lib/scratch/deliver.ts';
import { tempFolder, TOOLS } from '../temp-folder.ts';

let scratch: string;
let results: string;

beforeEach(() => {
  const folder = tempFolder();
  scratch = join(folder, 'tmpdir');
  results = join(folder, 'results');
  mkdirSync(scratch, { mode: 0o700 });
  mkdirSync(results);
});

const delivered = async () => deliver(scratch, results, TOOLS);

describe('delivery', () => {
  test('brings everything, whatever it is called', async () => {
    const names = [
      ...['plain', '.hidden', '-rf', '--delete', '#hash', ';semicolon', ' blanks ', 'a\nb'],
      ...['..x', '*', 'ü', '\\#101', 'a:b', '__proto__'],
    ];
    for (const name of names) {
      writeFileSync(join(scratch, name), `content of ${name}`);
      mkdirSync(join(scratch, `folder ${name}`));
      writeFileSync(join(scratch, `folder ${name}`, name), 'inside');
    }
    expect(await delivered()).toEqual({ kind: 'delivered', entries: names.length * 2 });
    for (const name of names) {
      expect(readFileSync(join(results, name), 'utf8')).toBe(`content of ${name}`);
      expect(readFileSync(join(results, `folder ${name}`, name), 'utf8')).toBe('inside');
    }
    expect(readdirSync(results)).toHaveLength(names.length * 2);
  });

  test('brings names that are no UTF-8', async () => {
    execFileSync('bash', ['-c', String.raw`echo text >$'caf\xe9'`], { cwd: scratch });
    expect(await delivered()).toEqual({ kind: 'delivered', entries: 1 });
    expect(readdirSync(results, 'latin1')).toEqual(['caf\u00E9']);
  });

  test('removes nothing from TMPDIR', async () => {
    writeFileSync(join(scratch, 'file'), 'text');
    await delivered();
    expect(readdirSync(scratch)).toEqual(['file']);
  });

  test('leaves the result folder its own mode', async () => {
    writeFileSync(join(scratch, 'file'), 'text');
    chmodSync(results, 0o2775);
    await delivered();
    expect(statSync(results).mode & 0o7777).toBe(0o2775);
  });

  test('keeps modes and times of files, and modes of folders', async () => {
    mkdirSync(join(scratch, 'folder'), { mode: 0o750 });
    writeFileSync(join(scratch, 'folder', 'tool'), '#!/bin/sh\n', { mode: 0o755 });
    utimesSync(join(scratch, 'folder', 'tool'), 1_500_000_000, 1_500_000_000);
    await delivered();
    expect(statSync(join(results, 'folder')).mode & 0o777).toBe(0o750);
    const tool = statSync(join(results, 'folder', 'tool'));
    expect([tool.mode & 0o777, tool.mtimeMs]).toEqual([0o755, 1_500_000_000_000]);
  });

  test('brings read-only files and what is in read-only folders', async () => {
    mkdirSync(join(scratch, 'folder'));
    writeFileSync(join(scratch, 'folder', 'file'), 'text', { mode: 0o400 });
    chmodSync(join(scratch, 'folder'), 0o500);
    onTestFinished(() => {
      for (const folder of [scratch, results]) chmodSync(join(folder, 'folder'), 0o700);
    });
    expect(await delivered()).toMatchObject({ kind: 'delivered' });
    expect(readFileSync(join(results, 'folder', 'file'), 'utf8')).toBe('text');
    expect(statSync(join(results, 'folder')).mode & 0o777).toBe(0o500);
  });

  test('again brings what is new, over what was brought before', async () => {
    writeFileSync(join(scratch, 'file'), 'one');
    chmodSync(join(scratch, 'file'), 0o400);
    await delivered();
    chmodSync(join(scratch, 'file'), 0o600);
    writeFileSync(join(scratch, 'file'), 'later');
    writeFileSync(join(scratch, 'second'), 'two');
    expect(await delivered()).toEqual({ kind: 'delivered', entries: 2 });
    expect(readFileSync(join(results, 'file'), 'utf8')).toBe('later');
  });

  test('replaces files of the same name and keeps all others', async () => {
    for (const name of ['same', 'other']) writeFileSync(join(results, name), 'of an earlier job');
    writeFileSync(join(scratch, 'same'), 'new');
    await delivered();
    expect(readFileSync(join(results, 'same'), 'utf8')).toBe('new');
    expect(readFileSync(join(results, 'other'), 'utf8')).toBe('of an earlier job');
  });

  test('brings links as links, and writes through none: nothing outside is read or written', async () => {
    const outside = tempFolder();
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(scratch, 'link'));
    symlinkSync(join(outside, 'secret'), join(scratch, 'file-link'));
    for (const name of ['folder', 'file']) symlinkSync(outside, join(results, name));
    mkdirSync(join(scratch, 'folder'));
    writeFileSync(join(scratch, 'folder', 'inside'), 'text');
    writeFileSync(join(scratch, 'file'), 'text');
    expect(await delivered()).toMatchObject({ kind: 'delivered' });
    expect(readlinkSync(join(results, 'link'))).toBe(outside);
    expect(readlinkSync(join(results, 'file-link'))).toBe(join(outside, 'secret'));
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(readdirSync(join(scratch, '..')).toSorted()).toEqual(['results', 'tmpdir']);
  });

  test('keeps hard links together', async () => {
    writeFileSync(join(scratch, 'one'), 'text');
    linkSync(join(scratch, 'one'), join(scratch, 'two'));
    await delivered();
    expect(statSync(join(results, 'one')).ino).toBe(statSync(join(results, 'two')).ino);
  });

  test('of nothing is done at once', async () => {
    expect(await deliver(scratch, results, '/nonexistent')).toEqual({
      kind: 'delivered',
      entries: 0,
    });
  });
});

describe('delivery fails with a reason', () => {
  beforeEach(() => writeFileSync(join(scratch, 'file'), 'text'));

  test('where the result folder is gone, and makes none', async () => {
    const none = join(results, 'none');
    expect(await deliver(scratch, none, TOOLS)).toEqual({
      kind: 'failed',
      reason: `ENOENT: no such file or directory, stat '${none}'`,
    });
    expect(readdirSync(results)).toEqual([]);
  });

  test('where the result folder is a file', async () => {
    const file = join(results, 'file');
    writeFileSync(file, 'keep');
    expect(await deliver(scratch, file, TOOLS)).toEqual({
      kind: 'failed',
      reason: `${file} is no folder`,
    });
    expect(readFileSync(file, 'utf8')).toBe('keep');
  });

  test('where TMPDIR is gone', async () => {
    expect(await deliver(join(scratch, 'none'), results, TOOLS)).toMatchObject({ kind: 'failed' });
  });

  test('with what rsync says', async () => {
    mkdirSync(join(results, 'file'));
    writeFileSync(join(results, 'file', 'in the way'), '');
    expect(JSON.stringify(await delivered())).toMatch(/"failed".*rsync ended with status 23: /);
  });

  test('where rsync is not there', async () => {
    const delivery = await deliver(scratch, results, '/nonexistent');
    expect(JSON.stringify(delivery)).toMatch(/"failed".*rsync could not be started/);
  });
});

import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  noteWrittenFiles,
  Others,
  standsStillFor,
  undoWrites,
} from '../../../lib/supervisor/written-files.ts';
import type { Growth } from '../../../lib/store/growth.ts';
import type { OpenFile, ProcessFacts } from '../../../lib/tree/facts.ts';
import { tempFolder } from '../temp-folder.ts';

const OLD = 'as it was at the checkpoint\n';

/** A process that has a file open in some way. */
const process = (...files: Partial<OpenFile>[]): ProcessFacts =>
  ({
    files: files.map((file) => ({
      kind: 'file',
      writable: true,
      readable: false,
      appending: true,
      deleted: false,
      position: 0,
      size: 0,
      ...file,
    })),
    mapped: [],
  }) as unknown as ProcessFacts;

/** Of a tree that may have run on from its checkpoint. */
const MAYBE_OWN: Growth = { by: 'anybody', from: {} };
const nobody = new Others(async () => [], { keep: async () => undefined });

const NOTHING = { outputs: [], scratch: undefined };

async function noted(file: Partial<OpenFile> = {}) {
  const path = join(tempFolder(), 'log');
  writeFileSync(path, OLD);
  const [note] = await noteWrittenFiles([process({ path, ...file })], NOTHING);
  if (!note) throw new Error('the file was not noted');
  return { path, note };
}

describe('a file that is open for writing', () => {
  test('is noted once, however many have it open', async () => {
    const { path } = await noted();
    const facts = [process({ path }, { path }), process({ path })];
    expect(await noteWrittenFiles(facts, NOTHING)).toMatchObject([
      { path, size: OLD.length, appended: true },
    ]);
  });

  test.each([
    ['is only read', { writable: false }],
    ['has been deleted', { deleted: true }],
    ['is no regular file', { kind: 'other' as const }],
  ])('is not noted when it %s', async (_, file) => {
    const { path } = await noted();
    expect(await noteWrittenFiles([process({ path, ...file })], NOTHING)).toEqual([]);
  });

  test("is not noted when it is the job's output, or in TMPDIR", async () => {
    const { path } = await noted();
    const facts = [process({ path })];
    expect(await noteWrittenFiles(facts, { outputs: [path], scratch: undefined })).toEqual([]);
    expect(await noteWrittenFiles(facts, { outputs: [], scratch: join(path, '..') })).toEqual([]);
  });
});

describe('what was written since the checkpoint', () => {
  test('is cut off, so that it can be written again', async () => {
    const { path, note } = await noted();
    appendFileSync(path, 'more\n');
    await undoWrites(note, MAYBE_OWN, nobody);
    expect(readFileSync(path, 'utf8')).toBe(OLD);
  });

  test('is kept before it is cut off, for some of it may be of somebody whom nobody knows', async () => {
    const { path, note } = await noted();
    appendFileSync(path, 'more\n');
    const kept: string[] = [];
    const keep = async (file: string, from: number, to: number): Promise<void> => {
      kept.push(readFileSync(file, 'utf8').slice(from, to));
    };
    await undoWrites(note, MAYBE_OWN, new Others(async () => [], { keep }));
    expect(kept).toEqual(['more\n']);
  });

  test("is cut off a file that stands at its end, as one of a shell's `>`", async () => {
    const { path, note } = await noted({
      appending: false,
      position: OLD.length,
      size: OLD.length,
    });
    appendFileSync(path, 'more\n');
    await undoWrites(note, MAYBE_OWN, nobody);
    expect(readFileSync(path, 'utf8')).toBe(OLD);
  });

  test('is nothing when nobody has written', async () => {
    const { path, note } = await noted({ appending: false, readable: true });
    await undoWrites(note, MAYBE_OWN, nobody);
    expect(readFileSync(path, 'utf8')).toBe(OLD);
  });
});

describe('a file that cannot be put back is named, with what is wrong', () => {
  test('when it has become shorter', async () => {
    const { path, note } = await noted();
    truncateSync(path, 3);
    await expect(undoWrites(note, MAYBE_OWN, nobody)).rejects.toThrow(
      `${path}, which the job writes, has become shorter since the checkpoint (3 bytes instead of ${OLD.length})`,
    );
  });

  test('when it is another one', async () => {
    const { path, note } = await noted();
    writeFileSync(path, `another one of ${'x'.repeat(100)}`);
    await expect(undoWrites(note, MAYBE_OWN, nobody)).rejects.toThrow(
      `${path}, which the job writes, is not the file any more`,
    );
  });

  test('when it is read and written, and has grown', async () => {
    const { path, note } = await noted({ appending: false, readable: true });
    appendFileSync(path, 'more\n');
    await expect(undoWrites(note, MAYBE_OWN, nobody)).rejects.toThrow(
      `${path}, which the job reads and writes, has changed since the checkpoint`,
    );
    expect(readFileSync(path, 'utf8')).toBe(`${OLD}more\n`);
  });

  test('when it is gone', async () => {
    const { path, note } = await noted();
    rmSync(path);
    await expect(undoWrites(note, MAYBE_OWN, nobody)).rejects.toThrow(
      `${path}, which the job has open, cannot be reached`,
    );
  });
});

describe('what others have written meanwhile', () => {
  test('stays when the tree has not run since', async () => {
    const { path, note } = await noted();
    appendFileSync(path, 'by another\n');
    expect(await undoWrites(note, { by: 'others' }, nobody)).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe(`${OLD}by another\n`);
  });

  test('stays when it is older than what the tree has written', async () => {
    const { path, note } = await noted();
    appendFileSync(path, 'by another\n');
    const from = { [path]: OLD.length + 'by another\n'.length };
    appendFileSync(path, 'own\n');
    expect(await undoWrites(note, { by: 'anybody', from }, nobody)).toBe('own\n'.length);
    expect(readFileSync(path, 'utf8')).toBe(`${OLD}by another\n`);
  });

  test('is not cut off where it cannot be told apart', async () => {
    const { path, note } = await noted();
    appendFileSync(path, 'own\nby another\n');
    await expect(
      undoWrites(note, MAYBE_OWN, new Others(async () => [43], { keep: async () => undefined })),
    ).rejects.toThrow(`${path}, which the job appends to, is written by job 43, too`);
    expect(readFileSync(path, 'utf8')).toBe(`${OLD}own\nby another\n`);
  });

  test('is told of where criu would not restore a file that has grown', async () => {
    const end = { appending: false, position: OLD.length, size: OLD.length };
    const { path, note } = await noted(end);
    appendFileSync(path, 'by another\n');
    await expect(undoWrites(note, { by: 'others' }, nobody)).rejects.toThrow(
      `${path}, which the job writes, has grown while the job did not run`,
    );
    expect(readFileSync(path, 'utf8')).toBe(`${OLD}by another\n`);
  });
});

test.each([
  ['changed just now, by whole seconds', { mtimeMs: 100_000_000 }, 1000],
  ['changed by a clock that is ahead', { mtimeMs: 100_059_000 }, 1000],
  ['changed just now, by parts of a second', { mtimeMs: 100_000_004 }, 0],
  ['changed long ago', { mtimeMs: 99_000_000 }, 0],
  ['appended to, which its length shows', { mtimeMs: 100_000_000, appended: true }, 0],
])('for a file %s the tree stands still so that its next change shows', (_what, how, ms) => {
  const file = { path: '/f', size: 1, appended: false, tail: '', ...how };
  expect(standsStillFor([file], 100_000_300)).toBe(ms);
});

test('for no file the tree does not stand still', () => {
  expect(standsStillFor([], 100_000_300)).toBe(0);
});

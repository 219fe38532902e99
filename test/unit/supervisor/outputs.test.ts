import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { Refusal } from '../../../lib/errors.ts';
import type { Growth } from '../../../lib/store/growth.ts';
import { layBackOutput, linesOfOthers } from '../../../lib/supervisor/outputs.ts';
import { MID_LINE_PREFIX, PREFIX, programsOwn } from '../../../lib/supervisor/say.ts';
import { Others } from '../../../lib/supervisor/written-files.ts';
import { tempFolder } from '../temp-folder.ts';

const STEPD =
  'slurmstepd-node1: error: *** JOB 42 ON node1 CANCELLED AT now DUE TO JOB REQUEUE ***\n';

const MAYBE_OWN: Growth = { by: 'anybody', from: {} };
const theseWrite = (...jobs: number[]): Others =>
  new Others(async () => jobs, { keep: async () => undefined });
const nobody = theseWrite();

describe('lines of others than the program are', () => {
  test.each([
    ['none in its own text', 'one\ntwo\n', ''],
    ['ours', `one\n${PREFIX}a\ntwo\n${PREFIX}b\n`, `${PREFIX}a\n${PREFIX}b\n`],
    ['ours at the very start', `${PREFIX}a\none\n`, `${PREFIX}a\n`],
    ["slurmstepd's", `one\n${STEPD}two\n`, STEPD],
    [
      'ours with the line break that they put',
      `on\n${MID_LINE_PREFIX}a\ne\n`,
      `\n${MID_LINE_PREFIX}a\n`,
    ],
    [
      'all of them one after another',
      `x\n${MID_LINE_PREFIX}a\n${PREFIX}b\n${STEPD}${PREFIX}c\n`,
      `\n${MID_LINE_PREFIX}a\n${PREFIX}b\n${STEPD}${PREFIX}c\n`,
    ],
    ['not what only quotes ours', `a ${PREFIX}b\n`, ''],
    [
      "not other errors of slurmstepd, which may be the program's fault",
      'slurmstepd-n: error: execve\n',
      '',
    ],
  ])('%s', (_which, text, lines) => {
    expect(linesOfOthers(text)).toBe(lines);
  });
});

describe('an output file is laid back', () => {
  type Laid = {
    now: string | Buffer;
    before: string | Buffer;
    copy?: boolean;
    /** Whose doing it may be that it has grown. */
    growth?: Growth;
    writers?: readonly number[];
  };

  /** Lays back a file that holds `now` and held `before` at the checkpoint; returns what it holds then. */
  async function laidBack({
    now,
    before,
    copy = true,
    growth = MAYBE_OWN,
    writers = [],
  }: Laid): Promise<string> {
    const folder = tempFolder();
    const path = join(folder, 'slurm-42.out');
    writeFileSync(path, now);
    writeFileSync(join(folder, 'output.1'), before);
    const noted = { path, size: Buffer.from(before).length };
    const output = copy ? { ...noted, copy: 'output.1' } : noted;
    await layBackOutput(output, folder, growth, theseWrite(...writers));
    return readFileSync(path, 'latin1');
  }

  describe.each([true, false])('with a copy in the checkpoint: %s', (copy) => {
    test.each([
      ['that is untouched as it is', 'one\n', 'one\n', 'one\n'],
      ['that was empty and is empty', '', '', ''],
      ['without what the program wrote after', 'one\n', 'one\ntwo\nthree', 'one\n'],
      ['without anything, if it had been empty', '', 'two\n', ''],
      [
        'with the lines of others after it',
        'one\n',
        `one\ntwo\n${PREFIX}a\nthree\n${STEPD}${PREFIX}b\n`,
        `one\n${PREFIX}a\n${STEPD}${PREFIX}b\n`,
      ],
      [
        'with nothing changed, if all of it is of others',
        'one\n',
        `one\n${PREFIX}a\n`,
        `one\n${PREFIX}a\n`,
      ],
      [
        'up to the middle of a line',
        'progress: 4',
        `progress: 4\n${MID_LINE_PREFIX}a\n0%\n`,
        `progress: 4\n${MID_LINE_PREFIX}a\n`,
      ],
    ])('%s', async (_claim, before, now, laid) => {
      expect(await laidBack({ before, now, copy })).toBe(laid);
    });
  });

  test.each([
    ['its text again after Slurm has emptied it', 'one\ntwo\n', '', 'one\ntwo\n'],
    [
      'its text again, with what the new run has said so far',
      'one\ntwo\nthree\nfour\nfive\nsix\nseven\n',
      `${PREFIX}a\n`,
      `one\ntwo\nthree\nfour\nfive\nsix\nseven\n${PREFIX}a\n`,
    ],
    [
      'its text again, though the new run has said more than it held',
      'one\n',
      `${PREFIX}SLURM_RESTART_COUNT: 1\n`,
      `one\n${PREFIX}SLURM_RESTART_COUNT: 1\n`,
    ],
    [
      'its text again, though the new run has said exactly as much',
      `${PREFIX}SLURM_RESTART_COUNT: 0\n`,
      `${PREFIX}SLURM_RESTART_COUNT: 1\n`,
      `${PREFIX}SLURM_RESTART_COUNT: 0\n${PREFIX}SLURM_RESTART_COUNT: 1\n`,
    ],
    [
      'its text again without what another program wrote instead',
      'one\ntwo\n',
      'x\n',
      'one\ntwo\n',
    ],
  ])('with %s', async (_claim, before, now, laid) => {
    expect(await laidBack({ before, now })).toBe(laid);
  });

  test('byte for byte, whatever the bytes are', async () => {
    const before = Buffer.from([...Array(256).keys(), 0x0a]);
    const now = Buffer.concat([before, Buffer.from([0xff, 0x0a]), Buffer.from(`${PREFIX}ä\n`)]);
    const after = Buffer.concat([before, Buffer.from(`${PREFIX}ä\n`)]);
    expect(await laidBack({ before, now })).toBe(after.toString('latin1'));
    expect(await laidBack({ before, now: '' })).toBe(before.toString('latin1'));
  });

  test('in the middle of a line, lines of others do not become a part of it', async () => {
    const others = `${PREFIX}saved\nslurmstepd-n1: error: *** JOB 1 ON n1 CANCELLED ***\n`;
    const laid = await laidBack({ before: 'one\ntw', now: `one\ntwo\n${others}` });
    expect(laid).toContain(`\n${others}`);
    expect(programsOwn(`${laid}o\n`)).toBe('one\ntwo\n');
  });

  test('to its size at the checkpoint, though the copy was made a moment later', async () => {
    const folder = tempFolder();
    const path = join(folder, 'out');
    writeFileSync(path, '');
    writeFileSync(join(folder, 'output.1'), 'one\nlater\n');
    await layBackOutput({ path, size: 4, copy: 'output.1' }, folder, MAYBE_OWN, nobody);
    expect(readFileSync(path, 'utf8')).toBe('one\n');
  });

  test('in place: who has it open for appending goes on in the same file', async () => {
    const folder = tempFolder();
    const path = join(folder, 'out');
    writeFileSync(path, '');
    writeFileSync(join(folder, 'output.1'), 'one\n');
    const { ino } = statSync(path);
    await layBackOutput({ path, size: 4, copy: 'output.1' }, folder, MAYBE_OWN, nobody);
    expect(statSync(path).ino).toBe(ino);
  });

  test("with all that came after it, when the job has not run since: it is another job's", async () => {
    const growth = { by: 'others' } as const;
    const now = `one\n${PREFIX}a\nof another\n`;
    expect(await laidBack({ before: 'one\n', now, growth })).toBe(now);
    const emptied = `${PREFIX}a\nof another\n`;
    expect(await laidBack({ before: 'one\n', now: emptied, growth })).toBe(`one\n${emptied}`);
  });

  test("or refused, when another job's text would go with the job's own", async () => {
    const laid = laidBack({ before: 'one\n', now: 'one\ntwo\nof another\n', writers: [43] });
    await expect(laid).rejects.toThrow('is written by job 43, too');
    const ours = `one\n${PREFIX}a\n`;
    expect(await laidBack({ before: 'one\n', now: ours, writers: [43] })).toBe(ours);
  });

  test('and what goes is kept with the lines between, as it was', async () => {
    const folder = tempFolder();
    const path = join(folder, 'out');
    const now = `one\ntwo\n${PREFIX}a\n`;
    writeFileSync(path, now);
    const kept: string[] = [];
    const keep = async (file: string, from: number, to: number): Promise<void> => {
      kept.push(readFileSync(file, 'utf8').slice(from, to));
    };
    await layBackOutput({ path, size: 4 }, folder, MAYBE_OWN, new Others(async () => [], { keep }));
    expect(kept).toEqual([`two\n${PREFIX}a\n`]);
    expect(readFileSync(path, 'utf8')).toBe(`one\n${PREFIX}a\n`);
  });

  test('not at all where the new run writes to another one', async () => {
    const folder = tempFolder();
    const path = join(folder, 'gone');
    await layBackOutput({ path, size: 4 }, folder, MAYBE_OWN, nobody);
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  test('or refused, with a remedy, where its text is lost', async () => {
    const lost = laidBack({ before: 'one\ntwo\n', now: 'x', copy: false });
    await expect(lost).rejects.toThrow(Refusal);
    await expect(lost).rejects.toThrow('--open-mode=append');
  });
});

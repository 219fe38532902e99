import { describe, expect, test } from 'vitest';

import { MID_LINE_PREFIX, PREFIX, programsOwn } from '../../../lib/supervisor/say.ts';

describe("a program's own text is what it wrote, without", () => {
  test.each([
    ['anything, where there is nothing else', 'one\ntwo\n', 'one\ntwo\n'],
    ['our lines', `one\n${PREFIX}Dump done\ntwo\n`, 'one\ntwo\n'],
    ['our lines at either end', `${PREFIX}a\none\n${PREFIX}b\n`, 'one\n'],
    ['our lines one after another', `one\n${PREFIX}a\n${PREFIX}b\ntwo\n`, 'one\ntwo\n'],
    ['a line of ours that broke one of its own', `on\n${MID_LINE_PREFIX}a\ne\n`, 'one\n'],
    ['several of them', `on\n${MID_LINE_PREFIX}a\n${PREFIX}b\ne\n`, 'one\n'],
    [
      "slurmstepd's lines",
      'one\nslurmstepd-node1: error: *** JOB 42 ON node1 CANCELLED AT 2026-01-02T03:04:05 DUE TO JOB REQUEUE ***\ntwo\n',
      'one\ntwo\n',
    ],
    [
      'losing what only looks like ours',
      `a ${PREFIX}b\n[checkpoint] c\n`,
      `a ${PREFIX}b\n[checkpoint] c\n`,
    ],
    ['losing an unfinished last line', `one\n${PREFIX}a\ntw`, 'one\ntw'],
    ['losing blank lines', `\n\n${PREFIX}a\n\n`, '\n\n\n'],
  ])('%s', (_what, output, own) => {
    expect(programsOwn(output)).toBe(own);
  });
});

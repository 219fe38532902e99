import { describe, expect, test } from 'vitest';

import { checkpointsIn, faultsOfFiles, faultsOfOutput, restoresIn } from '../../torture/verdict.ts';

const EXPECTED = 'begin\n1\n2\n3\nend\n';
const DUMPED = '[checkpointer] Dump done, Exit code: 0\n';
const RESTORED = '[checkpointer] Checkpoint restore finished. Exit code: 0 (checkpoint 1 of ...)\n';
const ANEW =
  '[checkpointer] No checkpoint was taken in the earlier runs of this job: it starts from the beginning\n';

describe('a job of the torture', () => {
  test('is as undisturbed when only lines of ours are added', () => {
    const output = `[checkpointer] SLURMD_NODENAME: n1\nbegin\n1\n${DUMPED}${RESTORED}2\n3\nend\n`;
    expect(faultsOfOutput(output, EXPECTED)).toEqual([]);
    expect([checkpointsIn(output), restoresIn(output)]).toEqual([1, 1]);
  });

  test.each([
    ['twice', 'begin\n1\n2\n2\n3\nend\n'],
    ['not at all', 'begin\n1\n3\nend\n'],
    ['in another order', 'begin\n2\n1\n3\nend\n'],
  ])('is lost when a line is there %s', (_, output) => {
    expect(faultsOfOutput(output, EXPECTED)).toHaveLength(1);
  });

  test('is lost when it is not complete', () => {
    expect(faultsOfOutput('begin\n1\n', EXPECTED)).toEqual([
      'its output has 8 bytes instead of 16, and from byte 8 on "" instead of "2\\n3\\nend\\n"',
    ]);
  });

  test('may begin anew when it had no checkpoint', () => {
    expect(faultsOfOutput(`begin\n1\n2\n${ANEW}${EXPECTED}`, EXPECTED)).toEqual([]);
    expect(faultsOfOutput(`${ANEW}${EXPECTED}`, EXPECTED)).toEqual([]);
  });

  test('may not begin anew when it had one', () => {
    const output = `begin\n1\n${DUMPED}2\n${ANEW}${EXPECTED}`;
    expect(faultsOfOutput(output, EXPECTED)).toEqual([
      'it began anew although it had a checkpoint',
    ]);
  });

  test('may not begin anew without a word', () => {
    expect(faultsOfOutput(`begin\n1\n${EXPECTED}`, EXPECTED)).toEqual([
      'it began 2 times, which nothing explains',
    ]);
  });

  test('is lost when a file of it is missing, other, or too much', () => {
    const expected = new Map([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(faultsOfFiles(new Map(expected), expected)).toEqual([]);
    expect(
      faultsOfFiles(
        new Map([
          ['b', '3'],
          ['c', ''],
        ]),
        expected,
      ),
    ).toEqual([
      'b has 1 bytes instead of 1, and from byte 0 on "3" instead of "2"',
      'c should not be there',
      'a is missing',
    ]);
  });
});

import { expect, test } from 'vitest';

import { judge, type Evidence } from '../../demo/verdict.ts';

const line = (number: number, node: string, pid = 12): string =>
  `${number}  node:${node}  pid:${pid}  parent-pid:7\n`;

/** Numbers FROM to TO, as the looper prints them on a node. */
const count = (from: number, to: number, node: string): string =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index, node)).join('');

const MOVE = `[checkpointer] Dumping checkpoint for pid 11 to /home/alice/.checkpointer/5/1
[checkpointer] Dump done, Exit code: 0
[checkpointer] Requeueing ... 5
slurmstepd-n1: error: *** JOB 5 ON n1 CANCELLED AT 2020-05-11T00:47:23 DUE TO JOB REQUEUE ***
[checkpointer] SLURM_RESTART_COUNT: 1
[checkpointer] Checkpoint restore finished. Exit code: 0 (checkpoint 1 of 2020-05-11T00:47:22Z, 3 processes, from node n1, on node n2)
`;
const START = '[checkpointer] SLURM_RESTART_COUNT: 0\nwriting to /var/tmp/5/looper.txt ...\n';
const END = '[checkpointer] Final result copied to /net/results\n';

const good: Evidence = {
  output: START + count(1, 40, 'n1') + MOVE + count(41, 100, 'n2') + END,
  results: ['looper.txt'],
  looper: count(1, 40, 'n1') + count(41, 100, 'n2'),
  state: 'COMPLETED',
  exitCode: '0:0',
  leftovers: [],
};

test('a job that moved and lost nothing is without fault', () => {
  expect(judge(good)).toEqual({
    summary:
      '100 numbers, 1 checkpoints, 1 restores, nodes n1 and n2, pid 12, parent 7, COMPLETED with exit status 0:0',
    faults: [],
  });
});

test.for<[string, Partial<Evidence>, string[]]>([
  [
    'a number that is missing in both files',
    {
      output: good.output.replace(line(50, 'n2'), ''),
      looper: good.looper?.replace(line(50, 'n2'), ''),
    },
    ['the output lacks 50', 'the delivered looper.txt lacks 50'],
  ],
  [
    'a run that ended too early',
    {
      output: START + count(1, 40, 'n1') + MOVE + count(41, 96, 'n2') + END,
      looper: count(1, 40, 'n1') + count(41, 96, 'n2'),
    },
    ['the output lacks 97-100', 'the delivered looper.txt lacks 97-100'],
  ],
  [
    'a number counted twice, after a restore from too early a state',
    { output: good.output.replace(MOVE, MOVE + line(40, 'n2')) },
    [
      'the output has more than once: 40',
      'the delivered looper.txt differs from what the program printed',
    ],
  ],
  [
    'numbers out of order',
    { output: good.output.replace(line(8, 'n1') + line(9, 'n1'), line(9, 'n1') + line(8, 'n1')) },
    [
      'the numbers in the output are out of order',
      'the delivered looper.txt differs from what the program printed',
    ],
  ],
  [
    'a number beyond the last',
    { output: good.output + line(101, 'n2'), looper: good.looper + line(101, 'n2') },
    [
      'the output has numbers that nobody counted: 101',
      'the delivered looper.txt has numbers that nobody counted: 101',
    ],
  ],
  [
    'a program that started a second time',
    { output: good.output.replace(MOVE, `${MOVE}writing to /var/tmp/5/looper.txt ...\n`) },
    [
      'its output has other lines than an undisturbed run: "writing to /var/tmp/5/looper.txt ..." "writing to /var/tmp/5/looper.txt ..."',
    ],
  ],
  [
    'an error in the output',
    { output: `${good.output}slurmstepd: error: something broke\n` },
    [
      'its output has other lines than an undisturbed run: "writing to /var/tmp/5/looper.txt ..." "slurmstepd: error: something broke"',
    ],
  ],
  [
    'another pid after the move',
    {
      output: good.output.replaceAll('n2  pid:12', 'n2  pid:13'),
      looper: good.looper?.replaceAll('n2  pid:12', 'n2  pid:13'),
    },
    ["its pid and parent's pid did not stay the same: 12, parent 7; 13, parent 7"],
  ],
  [
    'no checkpoint at all',
    { output: START + count(1, 100, 'n1') + END, looper: count(1, 100, 'n1') },
    ['there was no checkpoint', 'it ran on one node only: n1'],
  ],
  [
    'a checkpoint that was never restored',
    { output: good.output.replace(/.*Checkpoint restore.*\n/, '') },
    ['1 checkpoints were taken, but 0 were restored'],
  ],
  ['a failed end', { state: 'FAILED', exitCode: '7:0' }, ['it ended as FAILED with 7:0']],
  [
    'no result',
    { results: [], looper: undefined },
    ['there is no looper.txt in the result folder'],
  ],
  [
    'a stranger among the results',
    { results: ['.nfs01', 'looper.txt'] },
    ['the result folder holds more than looper.txt: .nfs01'],
  ],
  [
    'a result that is cut off in the middle of a line',
    { looper: good.looper?.slice(0, -4) },
    [
      'the delivered looper.txt lacks 100',
      'the delivered looper.txt differs from what the program printed',
    ],
  ],
  [
    'a checkpoint left behind',
    { leftovers: ['/home/alice/.checkpointer/5'] },
    ['this was left behind: /home/alice/.checkpointer/5'],
  ],
])('named as a fault: %s', ([, change, faults]) => {
  expect(judge({ ...good, ...change }).faults).toEqual(faults);
});

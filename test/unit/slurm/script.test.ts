import { expect, test } from 'vitest';
import { exportsIn } from '../../../lib/slurm/script.ts';

const environment = { HOME: '/home/a', PWD: '/work' };
const exported = (script: string) => exportsIn(script, ['A', 'B'], environment);

test.each([
  ['#!/bin/bash\nexport A=0-0:45\n', { A: '0-0:45' }],
  ['  export B="$HOME/the results" # here', { B: '/home/a/the results' }],
  ["export A='$HOME'; echo", { A: '$HOME' }],
  ['export A=${HOME}/r B=2', { A: '/home/a/r', B: '2' }],
  ['export C=1 A=5 # B=2', { A: '5' }],
  ["export  A=~/größe/'~' B", { A: '/home/a/größe/~' }],
  ['export A=/~ B="~/x"', { A: '/~', B: '~/x' }],
  ['export A=$(pwd)\nexport B=$UNKNOWN', { A: '/work', B: '$UNKNOWN' }],
  ['export A=$(date +%s)', { A: '$(date +%s)' }], // nothing is evaluated
  ['export A=1\nexport A=2', { A: '2' }],
  ['# export A=1\nA=2\nexported A=3\nexport C=4', {}],
])('%j exports %o', (script, expected) => {
  expect(exported(script)).toEqual(expected);
});

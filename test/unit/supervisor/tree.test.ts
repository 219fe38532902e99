import { expect, test } from 'vitest';
import { parseEnding } from '../../../lib/supervisor/tree.ts';

test.each([
  ['0\n', { exitCode: 0 }],
  ["[INFO  tini (12)] Main child exited normally (with status '143')\n143\n", { exitCode: 143 }],
  ["[INFO  tini (12)] Main child exited with signal (with signal 'Terminated')\n143\n", { signal: 15 }],
  ['', undefined],
  ["[INFO  tini (12)] Main child exited normally (with status '0')\n", undefined],
  ['14', undefined], // it is being written
])('%j is how the script ended: %o', (note, ending) => {
  expect(parseEnding(note)).toEqual(ending);
});

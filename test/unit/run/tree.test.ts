import path from 'node:path';
import fse from 'fs-extra';
import { expect, test } from 'vitest';
import { runFolder } from '../../../lib/run-folder.ts';
import { endingNoted, noteEnding, parseEnding } from '../../../lib/run/tree.ts';

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

test('the end of a script that does not come to run is noted as that of one that has', async () => {
  const home = await fse.mkdtemp('/tmp/tree-test-');
  const folder = { ...runFolder(7), status: path.join(home, 'status') };
  expect(endingNoted(folder)).toBeUndefined();
  noteEnding(folder, 64);
  expect(endingNoted(folder)).toEqual({ exitCode: 64 });
  await fse.remove(home);
});

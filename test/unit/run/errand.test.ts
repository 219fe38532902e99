import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runFolder } from '../../../lib/run-folder.ts';
import { readErrand, writeErrand } from '../../../lib/run/errand.ts';

let home = '';
const folder = () => ({ ...runFolder(7), errand: path.join(home, 'errand.json') });
beforeEach(async () => {
  home = await fse.mkdtemp('/tmp/errand-test-');
});
afterEach(async () => fse.remove(home));

test('an errand of before an upgrade is about a folder of ours, and not done yet', async () => {
  const errand = { scratch: '/tmp/checkpoint-7', store: '/s/7' };
  await fse.writeJson(folder().errand, errand);
  expect(await readErrand(folder())).toEqual({ ...errand, scratchIsOurs: true, home: '/', settled: false });
});

test('one of before an upgrade that asked for a requeue has it looked at', async () => {
  await fse.writeJson(folder().errand, { scratch: '/tmp/s', store: '/s/7', settled: true, requeued: true });
  expect(await readErrand(folder())).toMatchObject({ settled: true, requeue: { as: 'eligible', of: 'ended' } });
});

test('an errand is there as it was written, and none is no errand', async () => {
  expect(await readErrand(folder())).toBeUndefined();
  const claim = { run: 2, node: 'n1' };
  const errand = { scratch: '/tmp/s', store: '/s/7', scratchIsOurs: false, home: '/s', settled: true, claim };
  await writeErrand(folder(), errand);
  expect(await readErrand(folder())).toEqual(errand);
});

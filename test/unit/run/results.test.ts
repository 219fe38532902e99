import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finish } from '../../../lib/run/results.ts';

let home = '';
const inHome = (...names: string[]): string => path.join(home, ...names);
beforeEach(async () => {
  home = await fse.mkdtemp('/tmp/results-test-');
  await fse.outputFile(inHome('scratch/result'), 'precious');
});
afterEach(async () => fse.remove(home));

/** @param answers of those whom it asks whether it still may write; the last one for all that follow */
async function finished(...answers: boolean[]) {
  const errand = {
    scratch: inHome('scratch'),
    scratchIsOurs: true,
    home,
    store: inHome('store'),
    settled: false,
    resultFolder: inHome('nowhere'),
    claim: { run: 0, node: 'n1' },
  };
  const said: unknown[] = [];
  const mayWrite = async (): Promise<boolean> => (answers.length > 1 ? answers.shift()! : answers[0]!);
  await fse.mkdir(errand.store);
  const ending = await finish(errand, { exitCode: 0 }, { say: (sentence) => said.push(sentence), mayWrite });
  return { ending, said, stored: (await fse.readdir(home)).includes('store') ? await fse.readdir(errand.store) : [] };
}

test('nothing is kept, noted or removed once a newer run has the job', async () => {
  const { ending, said, stored } = await finished(true, false);
  expect([ending, said, stored]).toEqual([{ exitCode: 0 }, [], []]);
  expect(await fse.pathExists(inHome('scratch/result'))).toBe(true);
});

test('who has not claimed the job removes none of its checkpoints, and does not note that it is over', async () => {
  const errand = { scratch: inHome('scratch'), scratchIsOurs: true, home, store: inHome('store'), settled: false };
  await fse.outputFile(inHome('store/1/manifest.json'), '{}');
  await finish(errand, { signal: 9 }, { say: () => {}, mayWrite: async () => true });
  expect(await fse.readdir(inHome('store'))).toEqual(['1']);
});

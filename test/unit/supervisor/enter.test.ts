import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import fse from 'fs-extra';
import type { Job } from '../../../lib/job.ts';
import { openStore } from '../../../lib/store/store.ts';
import { enter } from '../../../lib/supervisor/enter.ts';

const job = (restarts: number): Job => ({
  id: 7,
  user: 'alice',
  cluster: 'here',
  restarts,
  node: 'n1',
  workDirectory: '/',
  environment: {},
});

function room() {
  const home = mkdtempSync(path.join(tmpdir(), 'enter-'));
  onTestFinished(() => fse.removeSync(home));
  const folder = path.join(home, '.checkpointer-alice', 'here-7');
  return { home, folder, store: openStore({ folder, home }) };
}

function entering({ store }: ReturnType<typeof room>, restarts: number) {
  const said: string[] = [];
  const signals = { terminated: () => false };
  const say = (sentence: unknown): void => void said.push(String(sentence));
  return { said, around: { job: job(restarts), store, signals, say, lease: 0, visibility: 0 } };
}

test('a run waits out the lease of an older one, and the time until a write is seen elsewhere', async () => {
  const here = room();
  await here.store.claim({ run: 0, node: 'n2', boot: 'b', lease: 0.4 });
  const { around, said } = entering(here, 1);
  expect(await enter({ ...around, visibility: 1.6 })).toMatchObject({ kind: 'entered' });
  expect(said).toEqual([expect.stringMatching(/on n2, .* waiting up to 2 s/)]);
  expect(readdirSync(here.folder)).toEqual(['run.1']);
});

test('a first run that can not write to its store may run, and is told why', async () => {
  const here = room();
  writeFileSync(path.join(here.home, '.checkpointer-alice'), 'not a folder');
  const { around } = entering(here, 0);
  expect(await enter(around)).toMatchObject({ kind: 'unprotected', reason: expect.stringMatching(/ENOTDIR|EEXIST/) });
});

test('a later run that can not write to its store is held', async () => {
  const here = room();
  writeFileSync(path.join(here.home, '.checkpointer-alice'), 'not a folder');
  const { around } = entering(here, 1);
  expect(await enter(around)).toMatchObject({ kind: 'held', claimed: false });
});

test('a run that finds a newer one is left', async () => {
  const here = room();
  await here.store.claim({ run: 2, node: 'n2', boot: 'b', lease: 0 });
  const { around, said } = entering(here, 1);
  expect(await enter(around)).toMatchObject({ kind: 'left' });
  expect(said).toEqual([expect.stringMatching(/A newer run of the job has begun/)]);
});

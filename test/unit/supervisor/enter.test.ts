import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import fse from 'fs-extra';
import type { Job } from '../../../lib/job.ts';
import { vigil } from '../../../lib/lease/vigil.ts';
import type { Sentence } from '../../../lib/messages/sentence.ts';
import { openStore, type Store } from '../../../lib/store/store.ts';
import { enter, enterUnlessSilent } from '../../../lib/supervisor/enter.ts';

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

/** Nobody answers until it is told to; and who watches it has waited long enough already. */
function silent(here: ReturnType<typeof room>) {
  const answers = new AbortController();
  const promise = once(answers.signal, 'abort');
  const store: Store = {
    ...here.store,
    mustBeMounted: async () => void (await promise),
    look: async () => promise.then(async () => here.store.look()),
  };
  const watch = () => ({ ...vigil(here.folder), givenUp: Promise.resolve('given-up' as const) });
  return { store, watch, answers: () => answers.abort() };
}

test('a first run does not wait for a store that does not answer, but still asks', async () => {
  const here = room();
  const { store, watch, answers } = silent(here);
  const { around } = entering(here, 0);
  const entrance = await enterUnlessSilent({ ...around, store }, watch);
  if (entrance.kind !== 'unprotected') throw new Error(entrance.kind);
  expect(entrance.reason).toMatch(/nobody has answered for a minute/);
  answers();
  expect(await entrance.later).toMatchObject({ kind: 'entered' });
});

test('a later run waits for a store that does not answer, and says so', async () => {
  const here = room();
  await here.store.claim({ run: 0, node: 'n2', boot: 'b', lease: 0 });
  await here.store.release(0);
  const { store, watch, answers } = silent(here);
  const { around, said } = entering(here, 1);
  const say = (sentence: Sentence): void => {
    said.push(typeof sentence === 'string' ? sentence : sentence.failure);
    answers();
  };
  expect(await enterUnlessSilent({ ...around, store, say }, watch)).toMatchObject({ kind: 'entered' });
  expect(said).toEqual([expect.stringMatching(/nobody has answered for a minute: it waits until somebody does/)]);
});

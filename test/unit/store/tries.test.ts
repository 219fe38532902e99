import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../lib/store/store.ts';

let home = '';
beforeEach(async () => {
  home = await fse.mkdtemp('/tmp/tries-test-');
  await fse.mkdir(path.join(home, '7'));
});
afterEach(async () => fse.remove(home));

const store = () => openStore({ folder: path.join(home, '7'), home });
const TRIES = { nodes: ['n1', 'n1'], owners: 'n[7-8]', ours: 'n[7-8],n1' };

test('tries are there for the next run, until they are forgotten', async () => {
  expect(await store().tries()).toBeUndefined();
  await store().countTry(TRIES);
  expect(await store().tries()).toEqual(TRIES);
  await store().forgetTries();
  expect(await fse.readdir(store().folder)).toEqual([]);
});

test('tries that make no sense are not taken for none', async () => {
  await fse.writeFile(path.join(home, '7/tries.json'), '{"nodes":');
  await expect(store().tries()).rejects.toThrow(/JSON/);
});

test('tries go with the checkpoints of a job that is over, and tell of no earlier run', async () => {
  await store().countTry(TRIES);
  const { listing } = await store().look();
  expect([listing.generations, listing.claims, listing.partials]).toEqual([[], [], []]);
  await store().removeCheckpoints();
  expect(await fse.readdir(store().folder)).toEqual([]);
});

test('a run without a Prolog is told from the second in a row, and is swept by a run that has one', async () => {
  expect(await store().goesWithoutProlog(3)).toBe(true);
  expect(await store().goesWithoutProlog(4)).toBe(false);
  expect(await store().goesWithoutProlog(5)).toBe(true);
  await store().sweep(6);
  expect(await fse.readdir(store().folder)).toEqual([]);
});

test('where a run without a Prolog can not be noted, that is not taken for the first', async () => {
  await fse.remove(home);
  await fse.writeFile(home, '');
  await expect(store().goesWithoutProlog(3)).rejects.toThrow(/ENOTDIR/);
});

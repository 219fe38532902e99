import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../lib/store/store.ts';

let home = '';
beforeEach(async () => {
  home = await fse.mkdtemp('/tmp/runs-test-');
});
afterEach(async () => fse.remove(home));

const store = () => openStore({ folder: path.join(home, '.checkpointer-alice', 'c-7'), home });
const claimant = (run: number) => ({ run, node: 'n1', boot: 'b', lease: 60 });
const put = async (...names: string[]): Promise<void> => {
  for (const name of names) await fse.outputFile(path.join(store().folder, name), '');
};
const names = async (): Promise<string[]> => (await fse.readdir(store().folder)).toSorted();

test('a run number is claimed once, whoever comes second', async () => {
  expect(await store().claim(claimant(1))).toBe('claimed');
  expect(await store().claim(claimant(1))).toBe('taken');
  expect((await store().look()).unreleased).toMatchObject([{ run: 1, claim: claimant(1) }]);
  expect(await names()).toEqual(['run.1']);
});

test('a claim can’t be made where the share is missing', async () => {
  await fse.remove(home);
  await expect(store().claim(claimant(0))).rejects.toThrow(`${home}: there is no such folder on this node`);
});

test('a claim that is released stays, for a late starter of an older run to see', async () => {
  await store().claim(claimant(1));
  await store().release(1);
  expect(await store().look()).toMatchObject({ listing: { claims: [{ run: 1, released: true }] }, unreleased: [] });
});

test('a claim that makes no sense is still a claim, and one that can’t be read is an error', async () => {
  await put('run.1');
  expect((await store().look()).unreleased).toEqual([{ run: 1, claim: undefined }]);
  await fse.remove(path.join(store().folder, 'run.1'));
  await fse.mkdir(path.join(store().folder, 'run.1'));
  await expect(store().look()).rejects.toThrow(/EISDIR/);
});

test('behind the gate what older runs were writing goes, and so do their claims; what is newer stays', async () => {
  await put(
    'run.0.released',
    'run.1',
    'run.2',
    'run.3',
    'run.1.tmp.x',
    'run.3.tmp.x',
    'beat.1.a',
    'beat.2.b',
    '4',
    '3.bad',
    'ended.1.partial',
  );
  await put('5.1.partial/images/pages-1.img', '6.partial/images/x', '7.0.partial.swept/x', 'results/precious');
  await store().sweep(2);
  expect(await names()).toEqual(['3.bad', '4', 'beat.2.b', 'results', 'run.2', 'run.3', 'run.3.tmp.x']);
});

test('the end of a job is there for every later run', async () => {
  const ended = { run: 1, node: 'n1', at: '2026-01-01', ending: { signal: 15 } };
  await store().claim(claimant(1));
  await store().end(ended);
  expect((await store().look()).ended).toEqual(ended);
  expect(await names()).toEqual(['ended', 'run.1']);
});

test('an end that makes no sense is no reason to go on', async () => {
  await put('ended');
  await expect(store().look()).rejects.toThrow(/JSON/);
});

test('of another job that had this number only results stay, and what was taken out of its output', async () => {
  await put('run.0', '1/manifest.json', '2.bad/x', 'ended', 'results/precious', 'undone/out');
  await store().clear();
  expect(await names()).toEqual(['results', 'undone']);
});

test('a beat moves to and fro, and goes with the release', async () => {
  await store().claim(claimant(1));
  const beats: string[][] = [];
  for (let beat = 0; beat < 3; beat += 1) {
    await store().beat(1);
    beats.push((await names()).filter((name) => name.startsWith('beat')));
  }
  expect(beats).toEqual([['beat.1.a'], ['beat.1.b'], ['beat.1.a']]);
  await store().release(1);
  expect(await names()).toEqual(['run.1.released']);
});

test('an empty folder is no place where a job that has run before has left anything', async () => {
  await expect(store().mustBeMounted()).rejects.toThrow('is empty on this node, as where nothing is mounted');
  await store().claim(claimant(0));
  await store().mustBeMounted();
});

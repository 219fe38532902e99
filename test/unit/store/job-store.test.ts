import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { Refusal } from '../../../lib/errors.ts';
import { endNoteOf, JobStore, OVER_FILE, storeFolder } from '../../../lib/store/job-store.ts';
import { MANIFEST_FILE } from '../../../lib/store/manifest.ts';
import { LeaseFile } from '../../../lib/store/lease.ts';
import { tempFolder } from '../temp-folder.ts';
import { MANIFEST as WITH_FILES } from './example.ts';

const MANIFEST = { ...WITH_FILES, contents: [] };

async function openStore({ restarts = 0 } = {}): Promise<JobStore> {
  const store = new JobStore(tempFolder(), 42, { restarts });
  await store.openAfresh();
  return store;
}

async function take(store: JobStore, content = 'pages'): Promise<void> {
  await using draft = await store.draft();
  writeFileSync(join(draft.images, 'pages-1.img'), content);
  await draft.sync();
  await draft.commit({ ...MANIFEST, generation: draft.number });
}

const numbersIn = async (store: JobStore): Promise<number[]> =>
  (await store.generations()).map(({ number }) => number);

test.each([
  ['~/.checkpointer', undefined, `${homedir()}/.checkpointer`],
  ['/home/%u/checkpoints', undefined, '/home/anna/checkpoints'],
  ['/shared/checkpoints', undefined, '/shared/checkpoints/anna'],
  ['/shared/~', undefined, '/shared/~/anna'],
  ['/shared/checkpoints', '/mine', '/mine'],
])("store = %s, the user's own %s: checkpoints of anna are in %s", (site, own, folder) => {
  expect(storeFolder(site, own, 'anna')).toBe(folder);
});

describe('a draft', () => {
  test('exists for nobody until it is committed, and then under its final name', async () => {
    const store = await openStore();
    await using draft = await store.draft();
    writeFileSync(join(draft.images, 'core-1.img'), '12345');
    expect(await store.generations()).toEqual([]);
    expect(readdirSync(store.path)).toEqual(['1.0.partial']);
    await draft.sync();
    expect(readdirSync(store.path)).toEqual(['1.0.partial']);
    await draft.commit(MANIFEST);
    expect(draft.finalPath).toBe(join(store.path, '1'));
    expect(readdirSync(store.path)).toEqual(['1']);
    expect(await store.generations()).toEqual([{ number: 1, path: join(store.path, '1') }]);
    expect(readFileSync(join(store.path, '1', 'images', 'core-1.img'), 'utf8')).toBe('12345');
  });

  test('is committed by a rename, so that what is open in it stays open', async () => {
    const store = await openStore();
    await using draft = await store.draft();
    const { ino } = statSync(draft.path);
    await draft.commit(MANIFEST);
    expect(statSync(join(store.path, '1')).ino).toBe(ino);
  });

  test('is not committed with a manifest that no restore would read', async () => {
    const store = await openStore();
    await using draft = await store.draft();
    const useless = { ...MANIFEST, cost: { ...MANIFEST.cost, frozenMs: 0.5 } };
    await expect(draft.commit(useless)).rejects.toThrow(/useless.*cost\.frozenMs/);
    expect(await store.generations()).toEqual([]);
  });

  test.each([
    ['is missing', undefined, /useless: images\/core-2\.img is missing/],
    ['is cut short', 'core', /useless: images\/core-2\.img has 4 bytes instead of 4096/],
  ])('is not committed when a file of it %s', async (_, content, why) => {
    const store = await openStore();
    await using draft = await store.draft();
    if (content !== undefined) writeFileSync(join(draft.images, 'core-2.img'), content);
    await expect(draft.commit(WITH_FILES)).rejects.toThrow(why);
    expect(await store.generations()).toEqual([]);
  });

  test('has its manifest when it is committed', async () => {
    const store = await openStore();
    await take(store);
    await take(store);
    const [newest] = await store.generations();
    const outcome = newest && (await store.manifestOf(newest));
    expect(outcome).toEqual({ kind: 'found', manifest: { ...MANIFEST, generation: 2 } });
  });

  test('that is not committed is gone with its scope', async () => {
    const store = await openStore();
    {
      await using draft = await store.draft();
      writeFileSync(join(draft.images, 'core-1.img'), 'half');
    }
    expect(readdirSync(store.path)).toEqual([]);
  });

  test('that fails to be committed leaves the checkpoints before it alone', async () => {
    const store = await openStore();
    await take(store);
    const failing = async (): Promise<void> => {
      await using draft = await store.draft();
      writeFileSync(join(draft.path, MANIFEST_FILE), 'in the way');
      await draft.commit(MANIFEST);
    };
    await expect(failing()).rejects.toThrow('EEXIST');
    expect(readdirSync(store.path)).toEqual(['1']);
  });

  test('that a killed run left behind is not taken over', async () => {
    const store = await openStore();
    const left = join(store.path, '1.0.partial');
    mkdirSync(join(left, 'images'), { recursive: true });
    writeFileSync(join(left, 'images', 'old.img'), 'old');
    writeFileSync(join(left, MANIFEST_FILE), 'old');
    expect(await store.generations()).toEqual([]);
    await take(store);
    expect(readdirSync(join(store.path, '1', 'images'))).toEqual(['pages-1.img']);
  });

  test('of another run of the job is another folder', async () => {
    const folder = tempFolder();
    await using first = await new JobStore(folder, 42, { restarts: 0 }).draft();
    await using second = await new JobStore(folder, 42, { restarts: 1 }).draft();
    expect(second.path).not.toBe(first.path);
    expect(second.finalPath).toBe(first.finalPath);
  });

  test('is for the eyes of its user alone', async () => {
    const store = await openStore();
    await take(store);
    for (const path of [store.path, join(store.path, '1', 'images')]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    expect(statSync(join(store.path, '1', MANIFEST_FILE)).mode & 0o777).toBe(0o600);
  });

  test('is refused with the name of the folder where that cannot be written', async () => {
    const folder = join(tempFolder(), 'file');
    writeFileSync(folder, '');
    const store = new JobStore(folder, 42);
    await expect(store.draft()).rejects.toThrow(Refusal);
    await expect(store.draft()).rejects.toThrow(`${folder}/42 cannot be read (ENOTDIR`);
  });
});

describe('generations', () => {
  test('are sorted by their numbers, newest first', async () => {
    const store = await openStore();
    for (const name of ['9', '10', '2', '100']) mkdirSync(join(store.path, name));
    expect(await numbersIn(store)).toEqual([100, 10, 9, 2]);
  });

  test('are nothing else that lies there', async () => {
    const store = await openStore();
    const others = ['1.0.partial', '2.removed', '01', '0', '-1', '1e3', 'x', '3 '];
    for (const name of [...others, '7']) mkdirSync(join(store.path, name));
    expect(await numbersIn(store)).toEqual([7]);
  });

  test('are none where there is no folder', async () => {
    expect(await new JobStore(tempFolder(), 42).generations()).toEqual([]);
  });

  test('count on from the newest', async () => {
    const store = await openStore();
    for (const _ of [1, 2, 3]) await take(store);
    await store.prune(1);
    await take(store);
    expect(await numbersIn(store)).toEqual([4, 3]);
  });

  test('without a manifest are damaged', async () => {
    const store = await openStore();
    mkdirSync(join(store.path, '1'));
    const outcome = await store.manifestOf({ number: 1, path: join(store.path, '1') });
    expect(outcome).toEqual({ kind: 'damaged', reason: 'its manifest is missing' });
  });

  test('whose manifest is there but cannot be had are not damaged', async () => {
    const store = await openStore();
    await take(store);
    const path = join(store.path, '1');
    rmSync(join(path, MANIFEST_FILE));
    symlinkSync(MANIFEST_FILE, join(path, MANIFEST_FILE));
    expect(await store.manifestOf({ number: 1, path })).toEqual({
      kind: 'unreadable',
      reason: expect.stringContaining('its manifest cannot be read (ELOOP'),
    });
  });

  test('that are not there any more, as when a share is away, are not damaged', async () => {
    const store = await openStore();
    const outcome = await store.manifestOf({ number: 1, path: join(store.path, '1') });
    expect(outcome).toMatchObject({ kind: 'unreadable' });
  });
});

describe('pruning', () => {
  test.each([
    [1, [12]],
    [2, [12, 11]],
    [3, [12, 11, 10]],
    [12, [12, 11, 10, 9, 8]],
  ])('keeps the newest %d', async (keep, left) => {
    const store = await openStore();
    for (const name of [8, 9, 10, 11, 12])
      mkdirSync(join(store.path, String(name), 'images'), { recursive: true });
    await store.prune(keep);
    expect(await numbersIn(store)).toEqual(left);
    expect(readdirSync(store.path)).toHaveLength(left.length);
  });

  test('removes what killed runs left unfinished, and nothing of others', async () => {
    const store = await openStore();
    await take(store);
    const unfinished = ['1.removed', '2.0.partial', '3.removed'];
    for (const name of [...unfinished, 'notes']) {
      mkdirSync(join(store.path, name));
      writeFileSync(join(store.path, name, 'file'), '');
    }
    await store.prune(2);
    expect(readdirSync(store.path)).toEqual(['1', 'notes']);
  });

  test("removes criu's logs of earlier runs, and leaves its own run's, which criu has open", async () => {
    const store = await openStore({ restarts: 12 });
    for (const run of [2, 11, 12]) writeFileSync(join(store.path, `restore.log.${run}`), '');
    await store.prune(1);
    expect(readdirSync(store.path)).toEqual(['restore.log.12']);
  });

  test('is not stopped by an earlier removal of the same number', async () => {
    const store = await openStore();
    await take(store);
    await take(store);
    mkdirSync(join(store.path, '1.removed', 'images'), { recursive: true });
    await store.prune(1);
    expect(readdirSync(store.path)).toEqual(['2']);
  });
});

describe('a first run', () => {
  test('puts aside what another job of the same number left', async () => {
    const folder = tempFolder();
    const old = new JobStore(folder, 42);
    await old.openAfresh();
    await take(old, 'of the old job');
    const store = new JobStore(folder, 42);
    await store.openAfresh();
    expect(await store.generations()).toEqual([]);
    const [aside] = readdirSync(folder).filter((name) => name !== '42');
    expect(aside).toMatch(/^42\.left-\d+$/);
    expect(readFileSync(join(folder, `${aside}`, '1', 'images', 'pages-1.img'), 'utf8')).toBe(
      'of the old job',
    );
  });

  test('makes the folder, and those above it', async () => {
    const store = new JobStore(join(tempFolder(), 'a', 'b'), 42);
    expect(await store.exists()).toBe(false);
    await store.openAfresh();
    expect(await store.exists()).toBe(true);
  });

  test('is refused with the name of the folder where that cannot be made', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'file'), '');
    const store = new JobStore(join(folder, 'file'), 42);
    await expect(store.openAfresh()).rejects.toThrow(Refusal);
    await expect(store.openAfresh()).rejects.toThrow(`${store.path} cannot be`);
  });
});

test('results that could not be delivered outlive the checkpoints', () => {
  const store = new JobStore('/store', 42);
  expect(store.undelivered).toBe('/store/42.results');
  expect(store.undelivered.startsWith(`${store.path}/`)).toBe(false);
});

test('the folder of a job of the same number on another cluster is left alone', async () => {
  const folder = tempFolder();
  const theirs = new JobStore(folder, 42, { cluster: 'theirs' });
  await theirs.openAfresh();
  const ours = new JobStore(folder, 42, { cluster: 'ours' });
  expect(await ours.isOfOtherCluster()).toBe(true);
  await expect(ours.openAfresh()).rejects.toThrow('another cluster');
  await expect(ours.generations()).rejects.toThrow('SLURM_CHECKPOINT_DIR');
  expect(await theirs.generations()).toEqual([]);
});

describe('how the job has ended', () => {
  const runOf = (folder: string, restarts: number): JobStore =>
    new JobStore(folder, 42, { restarts });

  /** As the Epilog leaves it. */
  async function ends(folder: string): Promise<void> {
    const store = runOf(folder, 2);
    await store.open();
    await store.noteOver({ exitCode: 3 });
    renameSync(join(store.path, OVER_FILE), endNoteOf(store.path));
    rmSync(store.path, { recursive: true });
  }

  test('is known to the next run, and to no earlier one', async () => {
    const folder = tempFolder();
    await runOf(folder, 1).open();
    await runOf(folder, 1).noteOver({ exitCode: 3 });
    expect(await runOf(folder, 0).overBefore()).toBeUndefined();
    // Slurm may start a run twice.
    expect(await runOf(folder, 1).overBefore()).toEqual({
      run: 1,
      end: { exitCode: 3 },
      cluster: '',
    });
    expect(await runOf(folder, 2).overBefore()).toEqual({
      run: 1,
      end: { exitCode: 3 },
      cluster: '',
    });
  });

  test('is known when the Epilog has removed the checkpoints, and since when', async () => {
    const folder = tempFolder();
    const next = runOf(folder, 3);
    expect(await next.endedBefore()).toBeUndefined();
    await ends(folder);
    await next.open();
    const { mtimeMs } = statSync(endNoteOf(next.path));
    expect(await next.endedBefore()).toEqual({ end: { exitCode: 3 }, at: mtimeMs });
    await next.forgetEnd();
    expect(readdirSync(folder)).toEqual(['42']);
  });

  test('is of no use to a job that has begun anew since', async () => {
    const folder = tempFolder();
    await ends(folder);
    const next = runOf(folder, 3);
    await next.open();
    await take(next);
    expect(await next.endedBefore()).toBeUndefined();
  });

  test('is not that of another job of the same number', async () => {
    const folder = tempFolder();
    await ends(folder);
    const elsewhere = new JobStore(folder, 42, { restarts: 3, cluster: 'another' });
    expect(await elsewhere.endedBefore()).toBeUndefined();
    await elsewhere.forgetEnd();
    expect(readdirSync(folder)).toEqual(['42.over']);
    await runOf(folder, 0).openAfresh();
    expect(readdirSync(folder)).toEqual(['42']);
  });

  test('is not for a run to say that a newer one has replaced', async () => {
    const folder = tempFolder();
    const old = runOf(folder, 1);
    await old.open();
    const lease = { node: 'n1', boot: 'b', state: 'held', beat: 1 } as const;
    await new LeaseFile(old.path).write({ ...lease, run: 2 });
    await expect(old.noteOver({ exitCode: 0 })).rejects.toThrow('a newer run of this job has it');
    expect(await runOf(folder, 3).overBefore()).toBeUndefined();
  });
});

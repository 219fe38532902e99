import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fse from 'fs-extra';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isSettled, summing, type Listed } from '../../../lib/store/sums.ts';
import { asNobody, damage, makeCheckpoint, MIB, seal } from './checkpoint.ts';

let listed: Listed;
const at = (name: string): string => path.join(listed.folder, name);
const listLines = async (): Promise<string[]> => (await fse.readFile(at('files'), 'latin1')).split('\n').toSorted();
beforeEach(async () => {
  listed = await makeCheckpoint();
});
afterEach(async () => fse.remove(listed.folder));

const sha256 = (...parts: (string | Buffer)[]): Buffer =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest();

test('a line for everything: kind, size, hash and name, with control characters written out', async () => {
  await seal(listed);
  const x = sha256('3\n', sha256('xyz')).toString('hex');
  const lines = await listLines();
  expect(lines).toContain(`file 3 ${x} tmpdir/x`);
  expect(lines).toContain(`file 0 ${sha256('0\n').toString('hex')} tmpdir/empty`);
  expect(lines).toContain('folder 0 - tmpdir/folder');
  expect(lines).toContain('fifo 0 - tmpdir/fifo');
  const names = lines.map((line) => line.split(' ').slice(3).join(' '));
  expect(names).toEqual(
    expect.arrayContaining([String.raw`tmpdir/a\x0afile 3 - b`, String.raw`tmpdir/\x5cx0a`, 'tmpdir/f\xff\xfe']),
  );
  expect(names).not.toContain('files');
  expect(names).not.toContain('manifest.json');
});

test('a hash is that of the size and the hashes of each half MiB', async () => {
  const content = Buffer.alloc(2 * MIB + 5, 'memory of a program');
  await fse.writeFile(at('images/pages-2.img'), content);
  await seal(listed);
  const parts = [0, 1, 2, 3, 4].map((half) => sha256(content.subarray((half * MIB) / 2, ((half + 1) * MIB) / 2)));
  const hash = sha256(`${content.length}\n`, ...parts).toString('hex');
  expect(await listLines()).toContain(`file ${content.length} ${hash} images/pages-2.img`);
});

test('the hash of the list is that of its bytes', async () => {
  expect(await seal(listed)).toBe(sha256(await fse.readFile(at('files'))).toString('hex'));
});

test('a file that changes at the same size after it was read is read again, however soon', async () => {
  const sums = summing(listed);
  for (let time = 0; time < 50; time += 1) {
    await fse.writeFile(at('tmpdir/x'), String(time).padStart(3));
    await sums.update();
  }
  await fse.writeFile(at('tmpdir/x'), 'end');
  await sums.update();
  expect(await damage(listed, await sums.write())).toBeUndefined();
});

test('what comes, goes and is replaced between two updates is in the list as it is in the end', async () => {
  const sums = summing(listed);
  await sums.update();
  await fse.remove(at('tmpdir/folder'));
  await fse.writeFile(at('tmpdir/y'), 'new');
  await fse.writeFile(at('tmpdir/z'), 'xxx');
  await fse.rename(at('tmpdir/z'), at('tmpdir/x'));
  await sums.update();
  expect(await damage(listed, await sums.write())).toBeUndefined();
});

const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

test('what has not changed is not read again', async () => {
  const sums = summing(listed);
  await vi.waitFor(async () => {
    const before = bytesRead();
    await sums.update();
    expect(bytesRead() - before).toBeLessThan(MIB);
  }, 4000); // files that were written just now are read once more
  expect(await damage(listed, await sums.write())).toBeUndefined();
});

/** As often as it can be done while `meanwhile` runs. */
async function over(meanwhile: Promise<void>, act: () => Promise<void>): Promise<void> {
  const end = new AbortController();
  const acting = (async () => {
    while (!end.signal.aborted) await act();
  })();
  await meanwhile;
  end.abort();
  await acting;
}

test('no list is made of a file that changes while it is read, until an update finds it still', async () => {
  await fse.truncate(at('tmpdir/sparse'), 100 * MIB);
  const sums = summing(listed);
  await over(sums.update(), async () => fse.appendFile(at('tmpdir/sparse'), 'x'));
  await expect(sums.write()).rejects.toThrow(
    "the checkpoint's files can't be listed: tmpdir/sparse changed while it was read",
  );
  await sums.update();
  expect(await damage(listed, await sums.write())).toBeUndefined();
});

test('files may come and go while others are read', async () => {
  await fse.truncate(at('tmpdir/sparse'), 100 * MIB);
  const sums = summing(listed);
  await over(sums.update(), async () => {
    await fse.outputFile(at('tmpdir/new/y'), 'y');
    await fse.remove(at('tmpdir/new'));
  });
  await sums.update();
  expect(await damage(listed, await sums.write())).toBeUndefined();
});

// In the time of one tick, or one second, two changes may leave the same time.
test.each([
  ['long ago', 1_000_000_000_123n, 1_100_000_000_000n, true],
  ['a moment ago', 1_000_000_000_123n, 1_000_050_000_000n, false],
  ['a moment ago, as it seems, where only seconds are counted', 1_000_000_000_000n, 1_001_900_000_000n, false],
  ['some seconds ago, where only seconds are counted', 1_000_000_000_000n, 1_003_000_000_000n, true],
  ['later than now, by a clock that was put back', 1_000_000_000_123n, 900_000_000_000n, false],
])('of a file that changed %s the next change shows: %o, %o: %o', (_, changed, now, shows) => {
  expect(isSettled(changed, now)).toBe(shows);
});

test('no list is made of files that cannot be read', async () => {
  await fse.chmod(at('tmpdir/x'), 0);
  const sums = summing(listed);
  await expect(sums.write()).rejects.toThrow('nothing was read yet');
  await asNobody(listed.folder, async () => {
    await expect(sums.update()).rejects.toThrow(/EACCES.*tmpdir.x/);
    await expect(sums.write()).rejects.toThrow('not everything was read');
  });
});

test('many files are listed', async () => {
  await seal(listed);
  const few = (await listLines()).length;
  for (let made = 0; made < 3000; made += 1) await fse.writeFile(at(`tmpdir/folder/${'long'.repeat(20)}${made}`), '');
  const hash = await seal(listed);
  expect(await listLines()).toHaveLength(few + 3000);
  expect(await damage(listed, hash)).toBeUndefined();
});

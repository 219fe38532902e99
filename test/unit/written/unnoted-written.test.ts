import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { flushWritten, noteWritten } from '../../../lib/written/written.ts';
import { at, notedWithLines } from './held-files.ts';
import { holder } from './holder.ts';

const LARGE = 64 * 1024 * 1024 + 1;
const NOBODY = 65534;
test('a removed file that has another name is in the way, and named', async () => {
  const reason = /file \(deleted\), which the job writes, can't be noted: it was removed or replaced/;
  await expect(notedWithLines([['removed', 'file']])).rejects.toThrow(reason);
  await writeFile(at('again (deleted)'), 'one that is called so');
  await expect(notedWithLines([['removed', 'again']])).rejects.toThrow(
    /again \(deleted\), .* it was removed or replaced/,
  );
});

test('a large file in memory that is mapped is in the way: it shows no changes', async () => {
  const file = path.join('/dev/shm', path.basename(at()));
  await writeFile(file, '');
  try {
    await truncate(file, LARGE);
    await using tree = await holder('mapped', file);
    const noting = noteWritten(tree.pid, { except: [], into: at('1') });
    await expect(noting).rejects.toThrow(/too large to be kept, and shows no changes; .* belong in TMPDIR/);
  } finally {
    await rm(file);
  }
});

test.runIf(process.getuid?.() === 0)(
  'a process that does not show what it writes is in the way, and named',
  async () => {
    const secret = at('secret');
    await writeFile(secret, 'one', { mode: 0o600 });
    await using tree = await holder('append', secret);
    process.seteuid!(NOBODY);
    try {
      const noting = noteWritten(tree.pid, { except: [], into: at('1') });
      await expect(noting).rejects.toThrow(/process \d+ \(python3.*\) does not show which files it writes/);
    } finally {
      process.seteuid!(0);
    }
  },
);

test.runIf(process.getuid?.() === 0)('a file that its writer may not reach is in the way, and named', async () => {
  await chmod(at(), 0o755);
  const secret = openSync(at('secret'), 'a', 0o600);
  const child = spawn('cat', { uid: NOBODY, gid: NOBODY, stdio: ['pipe', secret, 'ignore'] });
  closeSync(secret);
  process.setegid!(NOBODY);
  process.seteuid!(NOBODY);
  try {
    const noting = noteWritten(child.pid!, { except: [], into: at('1') });
    await expect(noting).rejects.toThrow(/\/secret, which the job writes, can't be noted: EACCES/);
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    child.stdin!.end();
    await once(child, 'exit');
  }
});

test('a file that can not be flushed is named', async () => {
  const files = await notedWithLines([['append', 'file']]);
  await flushWritten(files);
  await rm(at('file'));
  await expect(flushWritten(files)).rejects.toThrow(/file, which the job writes, can't be flushed/);
});

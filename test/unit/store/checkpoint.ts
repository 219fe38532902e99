import path from 'node:path';
import fse from 'fs-extra';
import { damageIn } from '../../../lib/store/damage.ts';
import { summing, type Listed } from '../../../lib/store/sums.ts';
import { mustRun } from '../../../lib/system/exec.ts';

export const MIB = 1024 * 1024;
const EVERY_BYTE = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1).filter((byte) => byte !== 0x2f));
export const NO_TEXT = Buffer.from([0x66, 0xff, 0xfe]);

/** Something of every kind that CRIU and rsync leave in a checkpoint. */
export async function makeCheckpoint(): Promise<Listed> {
  const folder = await fse.mkdtemp('/tmp/sums-test-');
  const at = (name: string): string => path.join(folder, name);
  await fse.outputFile(at('images/pages-1.img'), Buffer.alloc(3 * MIB, 'memory'));
  await fse.outputFile(at('images/core-1.img'), Buffer.alloc(8192, 'core'));
  await fse.outputFile(at('images/stats-dump'), 'as long as it took');
  await fse.outputFile(at('manifest.json'), '{}');
  await fse.outputFile(at('tmpdir/x'), 'xyz');
  await fse.outputFile(at('tmpdir/empty'), '');
  await fse.outputFile(at('tmpdir/a\nfile 3 - b'), 'c');
  await fse.outputFile(at(String.raw`tmpdir/\x0a`), 'c');
  await fse.writeFile(Buffer.concat([Buffer.from(at('tmpdir/')), NO_TEXT]), 'c');
  await fse.writeFile(Buffer.concat([Buffer.from(at('tmpdir/')), EVERY_BYTE]), 'c');
  await fse.writeFile(at('tmpdir/sparse'), '');
  await fse.truncate(at('tmpdir/sparse'), 5 * MIB + 1);
  await fse.symlink('no such file', at('tmpdir/link'));
  await fse.mkdir(at('tmpdir/folder'));
  await mustRun(['mkfifo', at('tmpdir/fifo')], { deadlineSeconds: 10 });
  return {
    folder,
    list: 'files',
    threads: true,
    isLeftOut: (name) => ['manifest.json', 'images/stats-dump'].includes(name),
  };
}

/** @returns the list's hash */
export async function seal(listed: Listed): Promise<string> {
  const sums = summing(listed);
  await sums.update();
  return sums.write();
}

export const damage = async (listed: Listed, hash: string, limitBytes = Infinity): Promise<string | undefined> =>
  damageIn(listed, { hash, limitBytes });

/** Root reads everything. */
export async function asNobody<T>(folder: string, act: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return act();
  await mustRun(['chown', '--recursive', '65534', folder], { deadlineSeconds: 10 });
  process.seteuid?.(65534);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

// Hashes of every file of a checkpoint while it is being made, so that damage is found before anything rests on it. Modes
// and times are not among it: not every file system keeps them, and an administrator may have reason to change a mode.
import type { BigIntStats } from 'node:fs';
import { lstat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isGone } from '../errors.ts';
import { eachOf } from '../system/at-once.ts';
import { pathOf, walk } from '../system/walk.ts';
import { hashing, type Hashing } from './file-hash.ts';
import { kindOf, shown, writeList, type Sum } from './sum-list.ts';

export const FILES_AT_ONCE = 8;

const SECOND_NS = 1_000_000_000n;
/** Within so long a file may change twice and keep its time: ticks of the kernel, and file systems that count seconds. */
const [TICKS_NS, SECONDS_NS] = [SECOND_NS / 10n, SECOND_NS * 2n];

export type Listed = {
  readonly folder: string;
  /** The file with the list, at the top of the folder. */
  readonly list: string;
  /** Of names in the folder, a character a byte; the list is left out in any case. */
  readonly isLeftOut: (name: string) => boolean;
  /** Several cores hash what is large. */
  readonly threads: boolean;
};

/** `identity`: undefined where the next change may not show in it. */
type Known = Sum & { readonly identity: string | undefined };

export function summing(listed: Listed) {
  const { folder, list, threads } = listed;
  const hash = hashing(threads);
  let sums = new Map<string, Known>();
  let objection: string | undefined = 'nothing was read yet';
  return {
    /**
     * Reads what is new or has changed since the last time. May be called while files are being written; those that go or
     * change meanwhile are left to the next. One at a time. Throws when something can't be read.
     */
    async update(): Promise<void> {
      objection = 'not everything was read';
      let left: string | undefined;
      const now = await timeIn(path.join(folder, list));
      const next = new Map<string, Known>();
      await eachOf(everythingIn(listed), FILES_AT_ONCE, async ({ name, status }) => {
        const sum =
          status && (known(sums.get(name), status) ?? (await sumUp(pathOf(folder, name), status, { hash, now })));
        if (sum) next.set(name, sum);
        else left ??= name;
      });
      sums = next;
      objection = left === undefined ? undefined : `${shown(left)} changed while it was read`;
    },

    /** Not synced. Throws unless nothing changed while the last update() ran. @returns the list's own hash */
    async write(): Promise<string> {
      if (objection !== undefined) throw new Error(`the checkpoint's files can't be listed: ${objection}`);
      return writeList(path.join(folder, list), sums);
    },
  };
}

export const everythingIn = ({ folder, list, isLeftOut }: Omit<Listed, 'threads'>) =>
  walk(folder, (name) => name === list || isLeftOut(name));

/** @param size in bytes; only a file's counts */
export async function contentOf(file: Buffer, { kind, size }: Omit<Sum, 'hash'>, hash: Hashing): Promise<Sum> {
  if (kind === 'link') return { kind, ...(await hash.link(file)) };
  if (kind !== 'file') return { kind, size: 0, hash: '-' };
  return { kind, size, hash: await hash.file(file, size) };
}

/** Undefined if it goes or changes meanwhile. */
async function sumUp(
  file: Buffer,
  status: BigIntStats,
  { hash, now }: { hash: Hashing; now: bigint },
): Promise<Known | undefined> {
  try {
    const sum = await contentOf(file, { kind: kindOf(status), size: Number(status.size) }, hash);
    const identity = identityOf(status);
    if (sum.kind === 'folder') return { ...sum, identity }; // what is in it is looked at by itself
    if (identityOf(await lstat(file, { bigint: true })) !== identity) return undefined;
    return { ...sum, identity: isSettled(status.ctimeNs, now) ? identity : undefined };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const known = (sum: Known | undefined, status: BigIntStats): Known | undefined =>
  sum?.identity === identityOf(status) ? sum : undefined;

/** Without the device, which has another number after a new mount. In few bytes: there may be a million. */
const identityOf = ({ mode, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  Buffer.from(BigUint64Array.of(mode, ino, size, mtimeNs, ctimeNs).buffer).toString('latin1');

/** If whatever changes a file from now on gives it another time; in nanoseconds. */
export const isSettled = (ctimeNs: bigint, now: bigint): boolean =>
  ctimeNs < now - (ctimeNs % SECOND_NS === 0n ? SECONDS_NS : TICKS_NS);

/** By the clock that the file system stamps files with, which need not be this node's. */
async function timeIn(list: string): Promise<bigint> {
  await writeFile(list, '\n', { mode: 0o600 });
  return (await lstat(list, { bigint: true })).ctimeNs;
}

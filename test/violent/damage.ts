// What may become of the files of a checkpoint, and how it is mended.
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Witness } from './witness.ts';

export type Damage = {
  readonly what: string;
  readonly to: (witness: Witness) => string;
  readonly by: (file: string) => void;
};

const newest = (witness: Witness, ...names: string[]): string =>
  path.join(witness.store, String(witness.checkpoints().at(-1)), ...names);

/** The largest of its kind. */
const image = (kind: RegExp) => (witness: Witness) => {
  const names = readdirSync(newest(witness, 'images')).filter((name) => kind.test(name));
  const files = names.map((name) => newest(witness, 'images', name));
  return files.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0] ?? '';
};
const sizeOf = (file: string): number => statSync(file).size;
const half = (file: string): number => Math.floor(sizeOf(file) / 2);
export const cutShort = (file: string): void => truncateSync(file, half(file));

/** Of the byte in its middle. Over what is there: owner and mode stay. */
export function flipBit(file: string): void {
  const byte = Buffer.alloc(1);
  const descriptor = openSync(file, 'r+');
  readSync(descriptor, byte, 0, 1, half(file));
  writeSync(descriptor, Buffer.of(byte[0]! ^ 4), 0, 1, half(file));
  closeSync(descriptor);
}

export const DAMAGES: readonly Damage[] = [
  { what: 'pages are cut short', to: image(/^pages-/), by: cutShort },
  { what: 'pages have a bit flipped', to: image(/^pages-/), by: flipBit },
  { what: 'image of a process has a bit flipped', to: image(/^core-/), by: flipBit },
  { what: 'image of the tree is missing', to: image(/^pstree/), by: (file) => rmSync(file) },
  { what: 'file of TMPDIR has a bit flipped', to: (witness) => newest(witness, 'tmpdir/piped'), by: flipBit },
  { what: 'file of TMPDIR is missing', to: (witness) => newest(witness, 'tmpdir/ballast'), by: (file) => rmSync(file) },
  { what: 'manifest is cut short', to: (witness) => newest(witness, 'manifest.json'), by: cutShort },
  { what: 'manifest is missing', to: (witness) => newest(witness, 'manifest.json'), by: (file) => rmSync(file) },
];

export const NEWER: Damage = {
  what: 'manifest is of a newer version',
  to: (witness) => newest(witness, 'manifest.json'),
  by: (file) => writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": \d+/, '"version": 99')),
};

/** Returns what mends it, if the checkpoint is there by then. */
export function doDamage({ to, by }: Damage, witness: Witness): () => void {
  const file = to(witness);
  const kept = path.join(witness.place.outside, `kept-${witness.job.id}-${path.basename(file)}`);
  const preserving = { preserveTimestamps: true };
  cpSync(file, kept, preserving);
  const { uid, gid, mode } = statSync(file);
  by(file);
  return () => {
    if (!statSync(path.dirname(file), { throwIfNoEntry: false })) return;
    cpSync(kept, file, preserving);
    chownSync(file, uid, gid);
    chmodSync(file, mode);
  };
}

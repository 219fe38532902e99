import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Manifest } from '../../lib/store/manifest.ts';
import { on, seenInside } from './cluster.ts';
import { formatFields, parseFields, type Field } from './protobuf.ts';

/** creds_entry of criu's images/creds.proto. */
export const CREDS = {
  ...{ uid: 1, gid: 2, euid: 3, egid: 4, suid: 5, sgid: 6, fsuid: 7, fsgid: 8 },
  ...{ capInh: 9, capPrm: 10, capEff: 11, capBnd: 12, secbits: 13, groups: 14, capAmb: 19 },
} as const;

/** A change of a task's credentials: it gets the fields of its creds_entry and returns the new ones. */
export type CredsChange = (creds: readonly Field[]) => Field[];

export const setNumbers =
  (numbers: readonly number[], ...values: readonly bigint[]): CredsChange =>
  (creds) => [
    ...creds.filter(({ number }) => !numbers.includes(number)),
    ...numbers.flatMap((number) => values.map((value) => ({ number, wire: 0, value }))),
  ];

/** Two words of 32 bits, as criu stores a capability set. */
export const capabilityWords = (...capabilities: number[]): bigint[] => {
  const set = capabilities.reduce((all, each) => all | (1n << BigInt(each)), 0n);
  return [set & 0xffffffffn, set >> 32n];
};

/** Changes the credentials of every task in a checkpoint, as its owner can, hashes in the manifest included. */
export async function forgeCreds(checkpoint: string, change: CredsChange): Promise<number> {
  const images = join(checkpoint, 'images');
  let changed = 0;
  for (const name of (await readdir(images)).filter((each) => /^core-\d+\.img$/.test(each))) {
    const bytes = await readFile(join(images, name));
    // Two magic numbers, then each entry after its length (criu's lib/c and image formats).
    const entry = bytes.subarray(12, 12 + bytes.readUInt32LE(8));
    const rest = bytes.subarray(12 + entry.length);
    const fields = changeCreds(parseFields(entry), () => (changed += 1), change);
    const forged = formatFields(fields);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(forged.length);
    await writeFile(
      join(images, name),
      Buffer.concat([bytes.subarray(0, 8), length, forged, rest]),
    );
  }
  await sealAnew(checkpoint);
  return changed;
}

/** Changes a checkpoint's manifest, and makes its list of files true again. */
export async function forgeManifest(
  checkpoint: string,
  change: (manifest: Manifest) => object,
): Promise<void> {
  const file = join(checkpoint, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest;
  await writeFile(file, JSON.stringify({ ...manifest, ...change(manifest) }));
}

async function sealAnew(checkpoint: string): Promise<void> {
  await forgeManifest(checkpoint, (manifest) => manifest);
  const manifest = JSON.parse(
    await readFile(join(checkpoint, 'manifest.json'), 'utf8'),
  ) as Manifest;
  const names = manifest.contents.map(({ name }) => name);
  const seen = names.map((name) => join(seenInside(checkpoint), name));
  const hashes = (await on('ctl', 'b3sum', '--no-names', '--', ...seen)).trimEnd().split('\n');
  const contents = await Promise.all(
    names.map(async (name, index) => {
      const { size } = await stat(join(checkpoint, name));
      return { name, size, blake3: hashes[index] };
    }),
  );
  await forgeManifest(checkpoint, () => ({ contents }));
}

function changeCreds(
  fields: readonly Field[],
  found: () => void,
  change: CredsChange,
  depth = 0,
): Field[] {
  return fields.map((field) => {
    if (field.wire !== 2 || typeof field.value === 'bigint' || depth > 3) return field;
    let inside: Field[];
    try {
      inside = parseFields(field.value);
    } catch {
      return field;
    }
    if (isCreds(inside)) {
      found();
      return { ...field, value: formatFields(change(inside)) };
    }
    if (!inside.some(({ wire }) => wire === 2)) return field;
    return { ...field, value: formatFields(changeCreds(inside, found, change, depth + 1)) };
  });
}

/** Of all messages in a core image, only the credentials begin with eight small numbers, all of the user's or group's. */
const isCreds = (fields: readonly Field[]): boolean => {
  const ids = fields.slice(0, 8);
  return (
    ids.length === 8 &&
    ids.every(
      ({ number, wire, value }, index) =>
        number === index + 1 && wire === 0 && Number(value) >= 1000,
    ) &&
    new Set(ids.map(({ value }) => value)).size <= 2
  );
};

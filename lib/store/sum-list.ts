// The list of a checkpoint's files, a line for each: "file 8192 HASH images/core-1.img". Names are as bytes, but for control
// characters, which stand there as \x0a, and the backslash, as \x5c.
import { createHash } from 'node:crypto';
import { createReadStream, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';

const KINDS = ['file', 'folder', 'link', 'fifo', 'socket', 'device'] as const;
export type Kind = (typeof KINDS)[number];
/** What is to be the same afterwards. `hash`: that of file-hash.ts, `-` where there is no content. `size`: in bytes. */
export type Sum = { readonly kind: Kind; readonly size: number; readonly hash: string };

const LINE = /^(\w+) (\d+) ([0-9a-f]{64}|-) (.+)$/;
const BATCH_CHARACTERS = 64 * 1024;

export function kindOf(status: BigIntStats): Kind {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'folder';
  if (status.isSymbolicLink()) return 'link';
  if (status.isFIFO()) return 'fifo';
  return status.isSocket() ? 'socket' : 'device';
}

/** A name (latin1, as walk() has it) in the words of a message. */
export const shown = (name: string): string => Buffer.from(escaped(name), 'latin1').toString();

const escaped = (name: string): string =>
  // oxlint-disable-next-line no-control-regex
  name.replaceAll(/[\0-\x1f\x7f\\]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

const unescaped = (text: string): string =>
  text.replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** Not synced. @returns SHA-256 of the whole list */
export async function writeList(path: string, sums: Iterable<readonly [string, Sum]>): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'w', 0o600);
  for (const text of inBatches(sums)) {
    hash.update(text, 'latin1');
    await file.writeFile(text, 'latin1'); // where the last one ended
  }
  return hash.digest('hex');
}

function* inBatches(sums: Iterable<readonly [string, Sum]>): Generator<string> {
  let text = '';
  for (const [name, { kind, size, hash }] of sums) {
    text += `${kind} ${size} ${hash} ${escaped(name)}\n`;
    if (text.length < BATCH_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** Undefined if it isn't the list with that hash. Throws when it can't be read. */
export async function readList(path: string, wanted: string): Promise<Map<string, Sum> | undefined> {
  const hash = createHash('sha256');
  const sums = new Map<string, Sum>();
  let rest = '';
  for await (const chunk of createReadStream(path, 'latin1')) {
    hash.update(String(chunk), 'latin1');
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, word, size, of = '-', name = ''] = LINE.exec(line) ?? [];
      const kind = KINDS.find((one) => one === word);
      if (!kind) return undefined;
      sums.set(unescaped(name), { kind, size: Number(size), hash: of });
    }
  }
  return rest === '' && hash.digest('hex') === wanted ? sums : undefined;
}

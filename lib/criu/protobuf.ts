// CRIU's images: two magic numbers of four bytes (CRIU's include/magic.h), then messages in protobuf's encoding
// (protobuf.dev/programming-guides/encoding), each after its length. What isn't known here is written as it was read.

/** A varint is a bigint of 64 bits, unsigned; anything else its bytes: a message, too. */
type Field = { readonly number: number; readonly type: number; readonly value: bigint | Buffer };
export type Message = readonly Field[];

const HEADER_BYTES = 8;
const VARINT = 0;
const BYTES = 2;
/** By wire type. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** Throws when it is cut short, or nothing that CRIU writes. */
export function readImage(image: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = HEADER_BYTES; at < image.length;) {
    const end = at + 4 <= image.length ? at + 4 + image.readUInt32LE(at) : Infinity;
    if (end > image.length) throw new Error('an image of CRIU ends in the middle of an entry');
    messages.push(readMessage(image.subarray(at + 4, end)));
    at = end;
  }
  return messages;
}

/** @param old the image of which it is the new contents */
export function formatImage(messages: readonly Message[], old: Buffer): Buffer {
  const entries = messages.flatMap((message) => {
    const bytes = formatMessage(message);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat([old.subarray(0, HEADER_BYTES), ...entries]);
}

function readMessage(bytes: Buffer): Message {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes[at]!;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('an image of CRIU has an odd number');
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [number, type] = [key >>> 3, key & 7];
    if (type === VARINT) {
      fields.push({ number, type, value: varint() });
      continue;
    }
    const length = type === BYTES ? Number(varint()) : FIXED_BYTES[type];
    if (length === undefined || at + length > bytes.length) throw new Error('an image of CRIU has an odd field');
    fields.push({ number, type, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

export const formatMessage = (message: Message): Buffer =>
  Buffer.concat(
    message.flatMap(({ number, type, value }) => {
      const key = formatVarint(BigInt((number << 3) | type));
      if (typeof value === 'bigint') return [key, formatVarint(value)];
      return [key, ...(type === BYTES ? [formatVarint(BigInt(value.length))] : []), value];
    }),
  );

function formatVarint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

export const numbersIn = (message: Message, wanted: number): bigint[] =>
  message.flatMap(({ number, value }) => (number === wanted && typeof value === 'bigint' ? [value] : []));

export const bytesIn = (message: Message, wanted: number): Buffer[] =>
  message.flatMap(({ number, value }) => (number === wanted && typeof value !== 'bigint' ? [value] : []));

/** All of a repeated field; of another none or one. */
export const messagesIn = (message: Message, wanted: number): Message[] => bytesIn(message, wanted).map(readMessage);

/** With other values for fields that it has. */
export const changed = (message: Message, values: Readonly<Record<number, bigint | Buffer>>): Message =>
  message.map((field) => ({ ...field, value: values[field.number] ?? field.value }));

/** One field of a protobuf message: a number, or bytes that may be a message themselves. */
export type Field = { readonly number: number; readonly wire: number; value: bigint | Buffer };

/** Reads a message's fields; throws when the bytes are none. Knows what criu's images have: varints, fixed numbers and bytes. */
export function parseFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63n) throw new Error('no protobuf');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('no protobuf');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const number = key >>> 3;
    if (number === 0 || ![0, 1, 2, 5].includes(wire)) throw new Error('no protobuf');
    const value = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
    fields.push({ number, wire, value });
  }
  return fields;
}

export function formatFields(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, wire, value }) => {
      const key = varintOf(BigInt((number << 3) | wire));
      if (typeof value === 'bigint') return [key, varintOf(value)];
      return wire === 2 ? [key, varintOf(BigInt(value.length)), value] : [key, value];
    }),
  );
}

function varintOf(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

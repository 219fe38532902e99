// core-PID.img, as CRIU writes it, of what matters there.
type Value = bigint | number;

const HEADER = Buffer.from('1943565447380555', 'hex');
const EINTR = BigInt.asUintN(64, -4n);
export const AFTER_CALL = 0x43a31356;
export const MODE = { native: 1, compat: 2 };
const HANDLER = 0x401695;

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value % 128n) + 128, ...varint(value / 128n)];
}

export const message = (...fields: (readonly [number: number, value: Value | Buffer])[]): Buffer =>
  Buffer.concat(
    fields.map(([number, value]) => {
      const isBytes = typeof value === 'object';
      const start = [
        ...varint(BigInt(number * 8 + (isBytes ? 2 : 0))),
        ...varint(BigInt(isBytes ? value.length : value)),
      ];
      return Buffer.from([...start, ...(isBytes ? value : [])]);
    }),
  );

/** As CRIU writes core-PID.img. */
export function image(core: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(core.length);
  return Buffer.concat([HEADER, length, core]);
}

export type Registers = {
  readonly r10?: Value;
  readonly ax?: Value;
  readonly dx?: Value;
  readonly si?: Value;
  readonly di?: Value;
  readonly originalAx?: Value;
  readonly ip?: Value;
  readonly mode?: Value;
};

const x86 = (registers: Registers): Buffer => {
  const {
    r10 = 0,
    ax = EINTR,
    dx = 0,
    si = 0,
    di = 0,
    originalAx = 0,
    ip = AFTER_CALL,
    mode = MODE.native,
  } = registers;
  const numbers = message([8, r10], [11, ax], [13, dx], [14, si], [15, di], [16, originalAx], [17, ip], [28, mode]);
  return message([1, 0x7fff], [2, numbers], [3, Buffer.from('fpu')]);
};

const queue = (...signals: number[]): Buffer =>
  message(...signals.map((signal) => [1, message([1, Buffer.from([signal, ...Array<number>(127).fill(0)])])] as const));

export type Thread = { readonly machine?: number; readonly pending?: number[]; readonly blocked?: bigint };
type Process = Thread & { readonly handled?: number[] };

export const thread = (registers: Registers, { machine = 1, pending = [], blocked }: Thread = {}): Buffer =>
  image(
    message(
      [1, machine],
      [2, x86(registers)],
      [5, message([1, 0x1234], ...(blocked === undefined ? [] : [[6, blocked] as const]), [9, queue(...pending)])],
    ),
  );

export function leader(
  registers: Registers,
  { machine = 1, pending = [], blocked = 0n, handled = [] }: Process = {},
): Buffer {
  const signals = Array.from({ length: 64 }, (_, at) => at + 1).filter((signal) => signal !== 9 && signal !== 19);
  const actions = signals.map((signal) => [15, message([1, handled.includes(signal) ? HANDLER : 0])] as const);
  const task = message([1, 1], [5, blocked], [6, Buffer.from('perl')], [10, queue(...pending)], ...actions);
  return image(message([1, machine], [2, x86(registers)], [3, task], [5, message([1, 0x1234], [9, queue()])]));
}

/** Of a thread in epoll_wait, by CRIU 4.2.1; without its floating point registers. */
export const real = ({
  ax,
  ip,
  lengths,
}: {
  ax: string;
  ip: string;
  lengths: readonly [string, string, string];
}): Buffer =>
  Buffer.from(
    `1943565447380555${lengths[0]}0000000801` +
      `12${lengths[1]}010890d3e084a7fd1f` +
      `12${lengths[2]}010888f6d2dee8ff1f10a0f4d2dee8ff1f180020b0ffffffffffffffff0128d0c4e084a7fd1f30c0cde084a7fd1f` +
      `38930540ffffffff0f4887f6d2dee8ff1f500058${ax}60d6b48e02680170bcc4e084a7fd1f78038001e8018801${ip}` +
      '90013398019305a001f0c3e084a7fd1fa8012bb001c0cde084a7fd1fb80100c00100c80100d00100d80100e00101' +
      '2a1b08a0d3e084a7fd1f1018180020003080103a060800100018024a00',
    'hex',
  );

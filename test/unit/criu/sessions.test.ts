import { describe, expect, test } from 'vitest';

import { withLooseSessionsJoined } from '../../../lib/criu/sessions.ts';
import { formatFields, parseFields } from '../../helpers/protobuf.ts';

type Task = { pid: number; parent: number; group: number; session: number; threads?: number[] };

const HEADER = Buffer.from([0x19, 0x43, 0x56, 0x54, 0x30, 0x30, 0x27, 0x50]);

/** pstree.img as criu writes it. */
function image(tasks: readonly Task[]): Buffer {
  const entries = tasks.map(({ pid, parent, group, session, threads = [pid] }) => {
    const numbers = [
      [1, pid],
      [2, parent],
      [3, group],
      [4, session],
      ...threads.map((thread) => [5, thread]),
    ] as [number, number][];
    const entry = formatFields(
      numbers.map(([number, value]) => ({ number, wire: 0, value: BigInt(value) })),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    return Buffer.concat([length, entry]);
  });
  return Buffer.concat([HEADER, ...entries]);
}

/** The session of each task in an image, by its number. */
function sessionsIn(bytes: Buffer): Record<number, number> {
  const found: Record<number, number> = {};
  for (let at = HEADER.length; at < bytes.length;) {
    const length = bytes.readUInt32LE(at);
    const fields = parseFields(bytes.subarray(at + 4, at + 4 + length));
    const valueOf = (name: number) => Number(fields.find(({ number }) => number === name)?.value);
    found[valueOf(1)] = valueOf(4);
    at += 4 + length;
  }
  return found;
}

const ROOT = { pid: 100, parent: 0, group: 100, session: 100 };
const SCRIPT = { pid: 101, parent: 100, group: 100, session: 100 };

describe('the sessions of a dumped tree', () => {
  test('stay when each is led by an ancestor', () => {
    const leader = { pid: 200, parent: 101, group: 200, session: 200 };
    const child = { pid: 201, parent: 200, group: 200, session: 200 };
    const grandchild = { pid: 202, parent: 201, group: 202, session: 200 };
    const adoptedLeader = { pid: 300, parent: 100, group: 300, session: 300 };
    const own = image([ROOT, SCRIPT, leader, child, grandchild, adoptedLeader]);
    expect(withLooseSessionsJoined(own)).toBeUndefined();
  });

  test('stay when a child was born before its parent became a leader', () => {
    const leader = { pid: 200, parent: 101, group: 200, session: 200 };
    const elder = { pid: 201, parent: 200, group: 100, session: 100 };
    expect(withLooseSessionsJoined(image([ROOT, SCRIPT, leader, elder]))).toBeUndefined();
  });

  test("are the root's when their leader has ended, with all that are in them", () => {
    const daemon = { pid: 301, parent: 100, group: 300, session: 300, threads: [301, 70_000] };
    const worker = { pid: 302, parent: 301, group: 300, session: 300 };
    const tasks = [ROOT, SCRIPT, daemon, worker];
    const joined = withLooseSessionsJoined(image(tasks));
    expect(joined).toEqual(image(tasks.map((task) => ({ ...task, session: 100 }))));
  });

  test("are the root's when the tree's root has adopted one of them", () => {
    const leader = { pid: 200, parent: 101, group: 200, session: 200 };
    const orphan = { pid: 201, parent: 100, group: 200, session: 200 };
    const other = { pid: 400, parent: 101, group: 400, session: 400 };
    const joined = withLooseSessionsJoined(image([ROOT, SCRIPT, leader, orphan, other]));
    expect(sessionsIn(joined ?? HEADER)).toEqual({
      ...{ 100: 100, 101: 100, 200: 100, 201: 100, 400: 400 },
    });
  });

  test("are the root's when a subreaper in the tree has adopted one of them", () => {
    const daemon = { pid: 301, parent: 101, group: 300, session: 300 };
    const joined = withLooseSessionsJoined(image([ROOT, SCRIPT, daemon]));
    expect(sessionsIn(joined ?? HEADER)).toEqual({ 100: 100, 101: 100, 301: 100 });
  });

  test('cannot be told from an image that is cut short or of another kind', () => {
    const whole = image([ROOT, SCRIPT]);
    expect(() => withLooseSessionsJoined(whole.subarray(0, -1))).toThrow(/in the middle/);
    const odd = Buffer.concat([whole, Buffer.from([2, 0, 0, 0, 0x0a, 0])]);
    expect(() => withLooseSessionsJoined(odd)).toThrow(/odd field/);
  });
});

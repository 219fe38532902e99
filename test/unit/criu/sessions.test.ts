import { expect, test } from 'vitest';
import { withLooseSessionsJoined } from '../../../lib/criu/sessions.ts';

type Task = { pid: number; parent: number; group: number; session: number; threads?: number[] };

const HEADER = Buffer.from([0x19, 0x43, 0x56, 0x54, 0x30, 0x30, 0x27, 0x50]);
const ROOT = { pid: 100, parent: 0, group: 100, session: 100 };
const SCRIPT = { pid: 101, parent: 100, group: 100, session: 100 };

const inRoots = (task: Task): Task => ({ ...task, session: 100 });

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** pstree.img as CRIU writes it. */
function image(tasks: readonly Task[]): Buffer {
  const entries = tasks.map(({ pid, parent, group, session, threads = [pid] }) => {
    const numbers = [pid, parent, group, session].map((value, at) => [at + 1, value] as const);
    const fields = [...numbers, ...threads.map((thread) => [5, thread] as const)];
    return fields.flatMap(([field, value]) => [[field << 3], varint(value)]).flat();
  });
  return Buffer.concat([HEADER, ...entries.map((entry) => Buffer.from([entry.length, 0, 0, 0, ...entry]))]);
}

test('sessions that an ancestor leads stay', () => {
  const leader = { pid: 200, parent: 101, group: 200, session: 200 };
  const child = { pid: 201, parent: 200, group: 200, session: 200 };
  const grandchild = { pid: 202, parent: 201, group: 202, session: 200 };
  const adopted = { pid: 300, parent: 100, group: 300, session: 300 };
  expect(withLooseSessionsJoined(image([ROOT, SCRIPT, leader, child, grandchild, adopted]))).toBeUndefined();
});

test("a child that was born before its parent led a session stays in the root's", () => {
  const leader = { pid: 200, parent: 101, group: 200, session: 200 };
  const elder = { pid: 201, parent: 200, group: 100, session: 100 };
  expect(withLooseSessionsJoined(image([ROOT, SCRIPT, leader, elder]))).toBeUndefined();
});

test("a session whose leader has ended becomes the root's, with all that are in it", () => {
  const daemon = { pid: 301, parent: 100, group: 300, session: 300, threads: [301, 70_000] };
  const worker = { pid: 302, parent: 301, group: 300, session: 300 };
  const tasks = [ROOT, SCRIPT, daemon, worker];
  expect(withLooseSessionsJoined(image(tasks))).toEqual(image(tasks.map(inRoots)));
});

test("a session of which the root has adopted one becomes the root's, and no other does", () => {
  const leader = { pid: 200, parent: 101, group: 200, session: 200 };
  const orphan = { pid: 201, parent: 100, group: 200, session: 200 };
  const other = { pid: 400, parent: 101, group: 400, session: 400 };
  const joined = [leader, orphan].map(inRoots);
  expect(withLooseSessionsJoined(image([ROOT, SCRIPT, leader, orphan, other]))).toEqual(
    image([ROOT, SCRIPT, ...joined, other]),
  );
});

test("a session becomes the root's also where another subreaper has adopted its daemon", () => {
  const daemon = { pid: 301, parent: 101, group: 300, session: 300 };
  expect(withLooseSessionsJoined(image([ROOT, SCRIPT, daemon]))).toEqual(image([ROOT, SCRIPT, inRoots(daemon)]));
});

test('an image that is cut short, or of another kind, is an error', () => {
  const whole = image([ROOT, SCRIPT]);
  expect(() => withLooseSessionsJoined(whole.subarray(0, -1))).toThrow(/in the middle/);
  expect(() => withLooseSessionsJoined(Buffer.concat([whole, Buffer.from([2, 0, 0, 0, 0x0a, 0])]))).toThrow(
    /without field 1/,
  );
});

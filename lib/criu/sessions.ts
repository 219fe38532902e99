// pstree.img, made whole for its restore.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Fields of a pstree_entry (CRIU's images/pstree.proto), all of them varints of 32 bits. */
const PID = 1;
const PARENT = 2;
const SESSION = 4;

/** Two magic numbers of four bytes (CRIU's include/magic.h), then each entry after its length. */
const HEADER_BYTES = 8;

type Field = { readonly number: number; readonly value: number };
type Task = { readonly fields: readonly Field[]; readonly pid: number; readonly parent: number; session: number };

/**
 * A task whose session is led by none of its ancestors (as of every daemon that forked after setsid) CRIU restores below a
 * helper that ends at once, and thinks that the tree's root adopts it then. But the root becomes a subreaper only later
 * (CRIU 4.2: restore_one_helper in cr-restore.c, restore_child_subreaper in restorer.c): process 1 of the namespace gets
 * the task, outside the tree, and the next checkpoint would be without it. So such a session becomes part of the root's,
 * where no helper is needed: parents and process groups stay, and without terminals, which are refused, a session has
 * nothing else to it. Throws when the image can't be read.
 */
export async function joinLooseSessions(images: string): Promise<void> {
  const file = path.join(images, 'pstree.img');
  const joined = withLooseSessionsJoined(await readFile(file));
  if (joined) await writeFile(file, joined);
}

/** The new contents of pstree.img; undefined when they can stay. */
export function withLooseSessionsJoined(image: Buffer): Buffer | undefined {
  const tasks = readTasks(image);
  const [root] = tasks;
  if (!root) return undefined;
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  let changed = false;
  for (let loose: Task | undefined; (loose = tasks.find((task) => isLoose(task, byPid, root)));) {
    const { session } = loose;
    for (const task of tasks) if (task.session === session) task.session = root.session;
    changed = true;
  }
  return changed ? Buffer.concat([image.subarray(0, HEADER_BYTES), ...tasks.map(formatTask)]) : undefined;
}

/** Whether CRIU could make its session only with a helper. */
function isLoose(task: Task, byPid: ReadonlyMap<number, Task>, root: Task): boolean {
  if (task.session === root.session || task.session === task.pid) return false;
  const parent = byPid.get(task.parent);
  if (parent?.session === task.session) return false;
  for (let above = parent; above; above = byPid.get(above.parent)) if (above.pid === task.session) return false;
  return true;
}

function readTasks(image: Buffer): Task[] {
  const tasks: Task[] = [];
  for (let at = HEADER_BYTES; at < image.length;) {
    const length = image.readUInt32LE(at);
    const entry = image.subarray(at + 4, at + 4 + length);
    if (entry.length < length) throw new Error('pstree.img ends in the middle of an entry');
    const fields = readFields(entry);
    const [pid, parent, session] = [PID, PARENT, SESSION].map((wanted) => {
      const field = fields.find(({ number }) => number === wanted);
      if (!field) throw new Error(`pstree.img has an entry without field ${wanted}`);
      return field.value;
    });
    tasks.push({ fields, pid: pid!, parent: parent!, session: session! });
    at += 4 + length;
  }
  return tasks;
}

/** Anything but varints is of a CRIU that we don't know. */
function readFields(entry: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = entry[at];
      if (byte === undefined || factor > 2 ** 28) throw new Error('pstree.img has an odd number');
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < entry.length) {
    const key = next();
    if ((key & 7) !== 0) throw new Error(`pstree.img has an odd field ${key >>> 3}`);
    fields.push({ number: key >>> 3, value: next() });
  }
  return fields;
}

function formatTask(task: Task): Buffer {
  const entry = Buffer.concat(
    task.fields.flatMap(({ number, value }) => [
      varint(number << 3),
      varint(number === SESSION ? task.session : value),
    ]),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(entry.length);
  return Buffer.concat([length, entry]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

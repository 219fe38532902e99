// pstree.img, made whole for its restore.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { changed, formatImage, numbersIn, readImage, type Message } from './protobuf.ts';

/** Fields of a pstree_entry (CRIU's images/pstree.proto). */
const PID = 1;
const PARENT = 2;
const SESSION = 4;

type Task = { readonly message: Message; readonly pid: number; readonly parent: number; session: number };

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
  const tasks = readImage(image).map(readTask);
  const [root] = tasks;
  if (!root) return undefined;
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  let joined = false;
  for (let loose: Task | undefined; (loose = tasks.find((task) => isLoose(task, byPid, root)));) {
    const { session } = loose;
    for (const task of tasks) if (task.session === session) task.session = root.session;
    joined = true;
  }
  if (!joined) return undefined;
  const entries = tasks.map(({ message, session }) => changed(message, { [SESSION]: BigInt(session) }));
  return formatImage(entries, image);
}

/** Whether CRIU could make its session only with a helper. */
function isLoose(task: Task, byPid: ReadonlyMap<number, Task>, root: Task): boolean {
  if (task.session === root.session || task.session === task.pid) return false;
  const parent = byPid.get(task.parent);
  if (parent?.session === task.session) return false;
  for (let above = parent; above; above = byPid.get(above.parent)) if (above.pid === task.session) return false;
  return true;
}

function readTask(message: Message): Task {
  const number = (wanted: number): number => {
    const [value] = numbersIn(message, wanted);
    if (value === undefined) throw new Error(`pstree.img has an entry without field ${wanted}`);
    return Number(value);
  };
  return { message, pid: number(PID), parent: number(PARENT), session: number(SESSION) };
}

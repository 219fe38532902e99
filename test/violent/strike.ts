// Strikes at a process of a job at a moment of its life that no sleep would hit: all nodes' processes are seen from out here.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { find, send, type Sighted } from './sights.ts';
import type { NotWanted, Stopped, Wanted, Watched } from './watcher.ts';

export type Caught = Disposable & { readonly pid: number; kill(): void };
export type { Sighted };

const GIVE_UP_LOOK_MS = 100;

let theWatcher: Promise<ChildProcess> | undefined;
let watches = 0;
const answers = new Map<number, Watched>();

/** Stopped as soon as it is seen, until the end of the scope; undefined: given up before. */
export async function catches(job: number, moment: Sighted, giveUp: () => boolean): Promise<Caught | undefined> {
  const watcher = await watching();
  const watch = (watches += 1);
  watcher.send({ watch, job, moment } satisfies Wanted);
  for (let isWanted = true; ; await sleep(GIVE_UP_LOOK_MS)) {
    const answer = answers.get(watch);
    if (answer) return answer.stopped && caught(answer.stopped);
    if (watcher.exitCode !== null) throw new Error(`nobody watches any more: status ${watcher.exitCode}`);
    if (isWanted && giveUp()) {
      isWanted = false;
      watcher.send({ watch } satisfies NotWanted); // it may have caught it meanwhile: its answer counts
    }
  }
}

/** Awaited before what begins a moment that is soon over: the first time takes a second. */
export const watching = async (): Promise<ChildProcess> => (theWatcher ??= start());

async function start(): Promise<ChildProcess> {
  const child = fork(path.join(import.meta.dirname, 'watcher.ts'), { execArgv: ['--import', 'tsx'] });
  await once(child, 'message');
  child.on('message', (answer: Watched) => answers.set(answer.watch, answer));
  child.unref();
  child.channel?.unref();
  return child;
}

const caught = ({ pid, all }: Stopped): Caught => ({
  pid,
  kill: () => send(pid, 'SIGKILL'),
  [Symbol.dispose]: () => all.forEach((each) => send(each, 'SIGCONT')),
});

/** Whoever it is now. False: there is none. */
export function kill(job: number, what: Sighted): boolean {
  const seen = find(job, what, 0);
  return seen !== undefined && send(seen, 'SIGKILL');
}

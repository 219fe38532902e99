// A process of its own, whom nothing that the scenarios do meanwhile keeps from looking: stops what strike.ts asks for at its moment.
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentOf } from './processes-seen.ts';
import { find, send, type Sighted } from './sights.ts';

export type Wanted = { readonly watch: number; readonly job: number; readonly moment: Sighted };
/** Of a watch that is to be given up. */
export type NotWanted = { readonly watch: number; readonly moment?: never };
/** Nothing is stopped: it was given up. */
export type Watched = { readonly watch: number; readonly stopped?: Stopped };
/** One process is what was asked for; all of them are to be continued. */
export type Stopped = { readonly pid: number; readonly all: readonly number[] };

const LOOK_MS = 4;
const BEFORE_ALL_OTHERS = -15;

const wanted = new Set<number>();

setPriority(BEFORE_ALL_OTHERS);
process.on('disconnect', () => process.exit());
process.on('message', (said: Wanted | NotWanted) => {
  if (said.moment === undefined) wanted.delete(said.watch);
  else void watches(said);
});

process.send?.('watches');

async function watches({ watch, job, moment }: Wanted): Promise<void> {
  wanted.add(watch);
  const isWanted = (): boolean => wanted.has(watch);
  const stopped = await (moment === 'criu that has restored'
    ? stopsRestored(job, isWanted)
    : stops(job, moment, isWanted));
  wanted.delete(watch);
  process.send?.({ watch, ...(stopped && { stopped }) } satisfies Watched);
}

async function stops(job: number, moment: Sighted, isWanted: () => boolean): Promise<Stopped | undefined> {
  for (; isWanted(); await sleep(LOOK_MS)) {
    const pid = find(job, moment, LOOK_MS / 2);
    if (pid === undefined || !send(pid, 'SIGSTOP')) continue;
    const all = [pid, parentOf(pid)]; // nsenter stops when its child does, and needs to be told, too
    if (find(job, moment, 0) === pid) return { pid, all };
    goesOn(all); // too late: its moment had gone by
  }
  return undefined;
}

/** Its agent lets it go on at once: so that one is stopped, too. */
async function stopsRestored(job: number, isWanted: () => boolean): Promise<Stopped | undefined> {
  for (; isWanted(); await sleep(LOOK_MS)) {
    const begins = await stops(job, 'criu that begins to restore', isWanted);
    const agent = find(job, 'agent', 0);
    if (begins === undefined) return undefined;
    if (agent !== undefined) send(agent, 'SIGSTOP');
    goesOn(begins.all);
    if (agent === undefined) continue;
    for (; isWanted() && existsSync(`/proc/${begins.pid}`); await sleep(LOOK_MS))
      if (find(job, 'criu that has restored', LOOK_MS / 2) !== undefined) return { pid: begins.pid, all: [agent] };
    send(agent, 'SIGCONT');
  }
  return undefined;
}

function goesOn(all: readonly number[]): void {
  for (const each of all) send(each, 'SIGCONT');
}

// All nodes' processes, as they are seen from out here.
import { readdirSync, readFileSync } from 'node:fs';

export type Process = { readonly pid: number; readonly argv: readonly string[] };
type Look = { readonly at: number; readonly all: ReadonlyMap<number, Seen> };
type Seen = Process & { readonly since: number; readonly readAt: number };

/** A process may become another one soon after it has begun; later that is rare, and it is enough to see it within a moment. */
const YOUNG_MS = 500;
const OFTEN_ENOUGH_MS = 250;

let look: Look = { at: 0, all: new Map() };

/** One look for all who watch, none of whom may keep the machine from what they watch: only what is new is read each time. @param age of a look that is good enough, milliseconds */
export function processes(age: number): readonly Process[] {
  const now = performance.now();
  if (now - look.at >= age) look = { at: now, all: new Map(pids().map((pid) => [pid, seenAt(pid, now)])) };
  return [...look.all.values()];
}

function seenAt(pid: number, now: number): Seen {
  const before = look.all.get(pid);
  const since = before?.since ?? now;
  if (before && now - since > YOUNG_MS && now - before.readAt < OFTEN_ENOUGH_MS) return before;
  return { pid, argv: textOf(`/proc/${pid}/cmdline`).split('\0'), since, readAt: now };
}

const pids = (): number[] => readdirSync('/proc').map(Number).filter(Boolean);

/** What is left of a job: whatever has its number among its words, or in its environment. */
export function processesOf(job: number): string[] {
  const itsFolder = new RegExp(`/slurm-checkpointer/${job}(?:/|$)|/checkpoint-${job}/`);
  return processes(0)
    .filter(
      ({ pid, argv }) =>
        argv.some((word) => itsFolder.test(word)) || environmentOf(pid).includes(`SLURM_JOB_ID=${job}`),
    )
    .map(({ pid, argv }) => `process ${pid}: ${argv.join(' ')}`);
}

const numberIn = (status: string, name: string): number | undefined => {
  const found = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1];
  return found === undefined ? undefined : Number(found);
};
export const parentOf = (pid: number): number => numberIn(textOf(`/proc/${pid}/status`), 'PPid') ?? pid;
/** 0: nobody. */
export const tracerOf = (pid: number): number => numberIn(textOf(`/proc/${pid}/status`), 'TracerPid') ?? 0;
export const environmentOf = (pid: number): string[] => textOf(`/proc/${pid}/environ`).split('\0');
/** Where it writes its errors: a file, be its name gone. */
export const logOf = (pid: number): string => textOf(`/proc/${pid}/fd/2`);

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

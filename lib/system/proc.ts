import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Of /proc/PID/stat (proc_pid_stat(5)). */
export type ProcessStat = {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Clock ticks after boot: with the pid it names a process for good. */
  readonly startTime: string;
  readonly state: string;
  /** Whether it still runs what it was forked with: so do tasks that criu restores, whatever they claim to be (PF_FORKNOEXEC). */
  readonly neverExecuted: boolean;
};

/** linux/sched.h: set by fork, cleared by exec; shown in /proc/PID/stat. */
const PF_FORKNOEXEC = 0x40;

/** Reads a file of /proc; undefined when the process is gone or is not ours to look at. */
export function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}

export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(`/proc/${path}`);
  } catch {
    return undefined;
  }
}

export function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}

export function statOf(pid: number): ProcessStat | undefined {
  const text = readProc(`${pid}/stat`);
  // The name stands in parentheses and may hold any character, parentheses and blanks too.
  const close = text?.lastIndexOf(')') ?? -1;
  if (text === undefined || close < 0) return undefined;
  const fields = text.slice(close + 2).split(' ');
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, close),
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    startTime: fields[19] ?? '',
    neverExecuted: (Number(fields[6]) & PF_FORKNOEXEC) !== 0,
  };
}

export const isAlive = (pid: number): boolean => {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
};

export function allProcesses(): ProcessStat[] {
  return namesIn('')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== undefined);
}

export function childrenOf(pid: number): ProcessStat[] {
  return allProcesses().filter((stat) => stat.parent === pid);
}

/** A process and all its descendants, parents first; empty when it is gone. */
export function familyOf(root: number): ProcessStat[] {
  const byParent = new Map<number, ProcessStat[]>();
  for (const stat of allProcesses()) {
    byParent.set(stat.parent, [...(byParent.get(stat.parent) ?? []), stat]);
  }
  const top = statOf(root);
  const family = top ? [top] : [];
  for (const member of family) family.push(...(byParent.get(member.pid) ?? []));
  return family;
}

/** The fields of /proc/PID/status, each value as it stands there. */
export function statusOf(task: string): ReadonlyMap<string, string> | undefined {
  const text = readProc(`${task}/status`);
  if (text === undefined) return undefined;
  return new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

export const numbersOf = (text: string | undefined): number[] =>
  (text ?? '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number);

/**
 * Bytes of memory and swap that a process accounts for (proc_pid_smaps(5)): what it has of its own, and its part of what it shares. What a
 * fork has left shared until somebody writes to it counts in full, for criu writes it for each process.
 */
export function memoryOf(pid: number): number {
  const text = readProc(`${pid}/smaps_rollup`) ?? '';
  const kibibytes = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const part = kibibytes('Pss') + kibibytes('SwapPss');
  const own = kibibytes('Anonymous') + kibibytes('Pss_Shmem') + kibibytes('Swap');
  return Math.max(part, own) * 1024;
}

/** Another one after each boot of this node (random(4)). */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

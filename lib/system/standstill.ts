// Processes stopped where they stand, and woken again.
import { identityOf, statusOf, treeOf } from './proc.ts';

/** It may have ended. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has
  }
}

/** The root of a tree, and not who has its number once it has ended. */
export type Root = { readonly pid: number; readonly identity: string | undefined };

export const rootAt = (pid: number): Root => ({ pid, identity: identityOf(pid) });

export const membersOf = ({ pid, identity }: Root): number[] =>
  identity !== undefined && identityOf(pid) === identity ? treeOf(pid) : [];

/** @param members asked each time: more may have come to life */
export function standstill(members: () => readonly number[]) {
  const stopped = new Set<number>();
  return {
    /** What was stopped already is passed over, and so is what a dump holds: that stays held until it is let go. */
    stop(): void {
      for (const pid of members()) {
        const status = statusOf(pid);
        if (!status || status.zombie || status.stopped || status.tracer !== 0) continue;
        stopped.add(pid);
        send(pid, 'SIGSTOP');
      }
    },
    resume(): void {
      for (const pid of stopped) send(pid, 'SIGCONT');
      stopped.clear();
    },
  };
}

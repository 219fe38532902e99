// L5: the tree does not outlive the lease, whatever becomes of the supervisor. If it ends, so does the tree (slurmstepd sees to
// that, too, but only after TaskEpilog, which has no time limit); if it hangs, the tree stands still.
import type { Log } from '../log.ts';
import { identityOf, statusOf, treeOf } from '../system/proc.ts';
import { claim, type Owner } from './claim.ts';

export type Renewal = {
  /** The root of the tree. */
  readonly tree: number;
  /** Until the next renewal must have come. */
  readonly seconds: number;
};

export type Watchdog = {
  /** Throws when the tree is not the job's. */
  renewed(renewal: Renewal): void;
  supervisorEnded(): void;
};

export function watchdog(owner: Owner, log: Log): Watchdog {
  let tree: { readonly root: number; readonly identity: string } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Set<number>();
  const members = (): number[] => (tree && identityOf(tree.root) === tree.identity ? treeOf(tree.root) : []);
  const stop = (): void => {
    log('no word of the supervisor: its tree stands still');
    for (const pid of members()) {
      const status = statusOf(pid);
      if (!status || status.stopped || status.zombie || status.tracer !== 0) continue;
      stopped.add(pid);
      signal(pid, 'SIGSTOP');
    }
  };
  return {
    renewed({ tree: root, seconds }) {
      const identity = identityOf(root);
      if (identity === undefined) return; // it has ended
      if (tree?.root !== root || tree.identity !== identity) {
        using _checked = claim(root, owner);
        tree = { root, identity };
      }
      for (const pid of stopped) signal(pid, 'SIGCONT');
      stopped.clear();
      clearTimeout(timer);
      timer = setTimeout(stop, seconds * 1000);
    },
    supervisorEnded() {
      clearTimeout(timer);
      for (const pid of members()) signal(pid, 'SIGKILL');
    },
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
}

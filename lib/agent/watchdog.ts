// L5: the tree does not outlive the lease, whatever becomes of the supervisor. If it ends, so does the tree (slurmstepd sees to
// that, too, but only after TaskEpilog, which has no time limit); if it hangs, the tree stands still.
import type { Log } from '../log.ts';
import { membersOf, rootAt, send, standstill, type Root } from '../system/standstill.ts';
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
  let tree: Root | undefined;
  let timer: NodeJS.Timeout | undefined;
  const members = (): number[] => (tree ? membersOf(tree) : []);
  const still = standstill(members);
  return {
    renewed({ tree: pid, seconds }) {
      const root = rootAt(pid);
      if (root.identity === undefined) return; // it has ended
      if (tree?.pid !== pid || tree.identity !== root.identity) {
        using _checked = claim(pid, owner);
        tree = root;
      }
      still.resume();
      clearTimeout(timer);
      timer = setTimeout(() => {
        log('no word of the supervisor: its tree stands still');
        still.stop();
      }, seconds * 1000);
    },
    supervisorEnded() {
      clearTimeout(timer);
      for (const pid of members()) send(pid, 'SIGKILL');
    },
  };
}

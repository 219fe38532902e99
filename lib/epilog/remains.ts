// What becomes of a job whose supervisor was killed, by what is left of it.
import type { JobEnd } from '../slurm/record.ts';

/** Runs without a checkpoint of their own before somebody should look at it. */
const MOST_IN_VAIN = 3;

type Remains = {
  /** Undefined where Slurm doesn't say. */
  readonly end: JobEnd | undefined;
  readonly hasCheckpoint: boolean;
  /** So many of its runs have gone by since the newest, or its beginning. */
  readonly runs: number;
};

type Next = 'deliver' | 'keep' | 'requeue' | 'hold' | 'leave' | 'forgotten';

/**
 * Of a job whose supervisor left no goodbye. One without a checkpoint begins again only if nothing but that ended it: its
 * time limit, or its memory, would end it again. `keep`: nobody can tell whether it is over. `leave`: Slurm runs it again.
 * `forgotten`: it means to.
 */
export function whatBecomesOf({ end, hasCheckpoint, runs }: Remains): Next {
  if (end === 'runs-again') return 'leave';
  if (end === 'forgotten') return 'forgotten';
  if (end === undefined) return 'keep';
  if (end === 'cancelled' || (!hasCheckpoint && end !== 'failed')) return 'deliver';
  return runs >= MOST_IN_VAIN ? 'hold' : 'requeue';
}

// A fault, and all that it is done to.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SmallStore } from '../violent/small-store.ts';
import type { Turns } from '../scenarios/turns.ts';
import type { Witness } from '../violent/witness.ts';
import type { FaultPlan, JobPlan } from './plan.ts';

export type Scene = {
  readonly fault: FaultPlan;
  readonly witness: Witness;
  readonly mode: JobPlan['mode'];
  /** What is done to nodes and daemons is done one thing after the other: there always is a node to go on on. */
  readonly cluster: Turns;
  readonly ownStore: SmallStore | undefined;
  /** Whatever job is there. */
  readonly losesNode: (node: string, what: 'power' | 'slurmd') => void;
  readonly controllerForgets: () => void;
  /** When a job was submitted last. */
  readonly submittedAt: () => number;
  /** What ends by itself, and may be what a job is held for. */
  readonly isUnderWay: (doing: Promise<unknown>) => void;
  /** To be undone if the job is held for it. */
  readonly mend: (undo: () => void) => void;
};

/** Where it runs, as soon as it does. Throws if it is over before. */
export async function nodeOf(witness: Witness): Promise<string> {
  let node = '';
  await until(witness, () => {
    const record = witness.job.record();
    node = record?.state === 'RUNNING' ? record.node : '';
    return node !== '';
  });
  return node;
}

/** Throws if the job is over before. */
export async function until(witness: Witness, holds: () => boolean): Promise<void> {
  while (!holds()) {
    if (witness.isOver()) throw new Error('the job was over before');
    await sleep(100);
  }
}

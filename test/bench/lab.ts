// What several parts need: to wait for a moment closely, and to read when Slurm did something.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside, own } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import type { SubmittedJob } from '../scenarios/job.ts';

const PATIENCE_MS = 120_000;
const LOOK_MS = 5;

/** The first answer there is, asked for often enough that the moment of it can be measured. */
export async function closely<T>(what: string, question: () => T | undefined | null | false): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(LOOK_MS)) {
    const answer = question();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
  }
  throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
}

/** All that the job has printed so far, and what was printed for it. */
export function outputOf(job: SubmittedJob): string {
  const file = outside(job.outputFile);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** As soon as the job's output holds it. */
export async function printed(job: SubmittedJob, what: RegExp): Promise<RegExpExecArray> {
  return closely(`job ${job.id} prints ${String(what)}`, () => what.exec(outputOf(job)));
}

export async function cancel(job: SubmittedJob): Promise<void> {
  await exec('ctl', ['scancel', String(job.id)]);
  await job.over();
}

/** When slurmctld (on ctl) or slurmd wrote such a line: milliseconds since the epoch, of each, the oldest first. */
export function logged(node: string, what: RegExp): number[] {
  const file = path.join(own(node), 'log/slurm', `${node === 'ctl' ? 'slurmctld' : 'slurmd'}.log`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const time = /^\[([^\]]+)\]/.exec(line)?.[1];
      return time !== undefined && what.test(line) ? [Date.parse(`${time}Z`)] : []; // the nodes know no other zone
    });
}

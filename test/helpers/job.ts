import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { programsOwn } from '../../lib/supervisor/say.ts';
import { outside } from './cluster.ts';
import { hasEnded, isHeld, queue, until, type QueuedJob } from './queue.ts';
import type { User } from './user.ts';

export type Ended = {
  readonly state: string;
  /** As Slurm writes it: `7:0` for status 7, `0:9` for a job that SIGKILL ended. */
  readonly exitCode: string;
  readonly restarts: number;
};

/** Longer than a job waits for anything here, and well within a test's time limit. */
const PATIENCE_MS = 360_000;

/** A submitted job, and what can be known of it. */
export class Job {
  readonly #user: User;
  readonly #outputFile: string;
  #sent = 0;
  /** As Slurm names it: 12, or 12_3 for a task of an array. */
  readonly name: string;

  constructor(user: User, name: string, outputFile: string) {
    this.#user = user;
    this.name = name;
    this.#outputFile = outputFile;
  }

  /** All of the output so far, byte for byte. */
  async output(): Promise<string> {
    try {
      return await readFile(outside(this.#outputFile), 'latin1');
    } catch {
      return '';
    }
  }

  /** The program's part of the output. */
  async ownOutput(): Promise<string> {
    return programsOwn(await this.output());
  }

  /** Our part: what the suite told the job's owner. */
  async told(): Promise<string[]> {
    const lines = (await this.output()).matchAll(/^\[checkpointer(?:, mid-line)?\] (.*)$/gm);
    return [...lines].map(([, text = '']) => text);
  }

  /** The nodes of its runs, in their order; only of a job that takes part. */
  async nodes(): Promise<string[]> {
    return (await this.told()).flatMap((line) => /^SLURMD_NODENAME: (\S+)$/.exec(line)?.[1] ?? []);
  }

  async inQueue(): Promise<QueuedJob | undefined> {
    return (await queue()).find(
      ({ id, arrayId, arrayTask }) =>
        (arrayTask === undefined ? id : `${arrayId}_${arrayTask}`) === this.name,
    );
  }

  /** Waits until the job is in such a state; fails when it ends before. */
  async is(so: (job: QueuedJob) => boolean): Promise<QueuedJob> {
    const what = `being ${String(so)}`;
    return this.#follow(what, async (job) => {
      if (job && so(job)) return job;
      if (job && hasEnded(job)) throw await this.#failed(job, `ended without ${what}`);
      return undefined;
    });
  }

  async running(): Promise<QueuedJob> {
    return this.is(({ state }) => state === 'RUNNING');
  }

  /** Waits until the output holds a text; fails when the job ends without it. */
  async says(text: string | RegExp): Promise<string> {
    const what = `saying ${text}`;
    return this.#follow(what, async (job) => {
      const output = await this.output();
      if (typeof text === 'string' ? output.includes(text) : text.test(output)) return output;
      if (job && hasEnded(job)) throw await this.#failed(job, `ended without ${what}`);
      return undefined;
    });
  }

  /** Waits until the output holds a text once more than now, which something may bring about. */
  async saysAgain(text: string, bringAbout?: () => Promise<unknown>): Promise<void> {
    const times = (await this.output()).split(text).length;
    await bringAbout?.();
    await this.says(new RegExp(`(?:${text}[^]*){${times}}`));
  }

  /** Waits until it has been restored so many times. */
  async restored(times: number): Promise<void> {
    await this.says(new RegExp(`(?:Checkpoint restore finished[^]*){${times}}`));
  }

  /** Waits until it has been restored so many times, and on both nodes, and lets it go on to its end (MOVED in scripts.ts). */
  async movedAround(times = 1): Promise<void> {
    await this.restored(times);
    await this.says(
      /(?:SLURMD_NODENAME: n1$[^]*SLURMD_NODENAME: n2$|NODENAME: n2$[^]*NODENAME: n1$)[^]*restore finished/m,
    );
    await this.release();
  }

  /** Has it saved and held when it has begun, at a moment of the test's choosing: what is done then is done before it runs again. */
  async savedAndHeld(): Promise<void> {
    await this.saysAgain('Dump done', async () =>
      this.#user.run('scontrol', 'requeuehold', this.name),
    );
    await this.is(isHeld);
  }

  async release(): Promise<void> {
    await this.#user.touch(`${dirname(this.#outputFile)}/moved`);
  }

  /** Has Slurm run it again after it has ended. */
  async runsAgain(): Promise<void> {
    await this.#user.run('scontrol', 'requeue', this.name);
    await this.isBack();
  }

  /** Waits until it is to run again after it has ended. */
  async isBack(): Promise<void> {
    await until(async () => {
      const job = await this.inQueue();
      return job && !hasEnded(job);
    });
  }

  async ended(): Promise<Ended> {
    return this.#follow('ending', async (job) => {
      if (!job || !hasEnded(job)) return undefined;
      return { state: job.state, exitCode: job.exitCode, restarts: job.restarts };
    });
  }

  async cancel(): Promise<void> {
    await this.#user.run('scancel', this.name);
  }

  /** Asks again and again, and meanwhile sends the job to the other node each time that it is requeued. */
  async #follow<T>(
    what: string,
    question: (job: QueuedJob | undefined) => Promise<T | undefined>,
  ): Promise<T> {
    const begun = performance.now();
    return until(async () => {
      const job = await this.inQueue();
      if (job?.state === 'PENDING' && job.restarts > this.#sent) {
        this.#sent = job.restarts;
        await this.#sendAway();
      }
      const answer = await question(job);
      // Before the test's own limit, which does not tell what was waited for.
      if (answer === undefined && performance.now() - begun > PATIENCE_MS) {
        throw await this.#failed(job, `spent ${PATIENCE_MS / 1000} s without ${what}`);
      }
      return answer;
    });
  }

  /** Keeps the pending job off the node that it was on. Too late when it runs already: then it stays there once more. */
  async #sendAway(): Promise<void> {
    const last = (await this.nodes()).at(-1);
    if (last === undefined) return;
    await this.#user.try('scontrol', 'update', `jobid=${this.name}`, `excnodelist=${last}`);
  }

  async #failed(job: QueuedJob | undefined, how: string): Promise<Error> {
    const now = job && `${job.state}, ${job.reason}, ${job.nodes}`;
    return new Error(`job ${this.name} (${now}) ${how}:\n${await this.output()}`);
  }
}

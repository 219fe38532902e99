import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { outside, tryOn } from '../helpers/cluster.ts';
import type { Job } from '../helpers/job.ts';
import { hasEnded, type QueuedJob } from '../helpers/queue.ts';
import { shimHasStruck } from '../helpers/shims.ts';
import type { User } from '../helpers/user.ts';
import { Turns, type Field, type Worker } from './field.ts';
import { checkpointsIn, faultsOfFiles, faultsOfOutput, type Work } from './verdict.ts';

const LOOK_EVERY_MS = 1000;
/** So long a job may take in all: far more than any does that does not hang. */
const LONGEST_MS = 20 * 60_000;
const MOST_RELEASES = 6;
const PATIENCE_FOR_OTHER_NODE_MS = 15_000;
/** An ended job stays ended for so many looks: on its way back into the queue it may look so for a moment. */
const SURE_AFTER_LOOKS = 3;
const NOT_DELIVERED = 74;
const LEFT_ITS_NODE = 75;

/** JobHeldUser, JobHeldAdmin, job_requeued_in_held_state, launch_failed_requeued_held. */
export const isHeld = (reason: string): boolean => /held/i.test(reason);

export type VictimsPlace = {
  /** The job's folder. */
  readonly folder: string;
  /** What an array calls this task; 0 for a job that is none. */
  readonly label: string;
  /** Where its checkpoints are, as ctl sees it: the folder in which that of the job is. */
  readonly store: string;
};

const EPILOG_PATIENCE_MS = 60_000;

/** How often a job may be killed by Slurm's signals for its run before. */
const MOST_STRAYS = 2;

/** One job, or one task of an array, followed to its end. */
export class Victim {
  readonly job: Job;
  readonly user: User;
  readonly #place: VictimsPlace;
  readonly #expected: Work;
  readonly #field: Field;
  /** Slurm's own number of it, known as soon as it runs. */
  id = '';
  /** Where it runs, or ran last. */
  node: Worker | undefined;
  /** Milliseconds since the epoch. */
  startedAt: number | undefined;
  over = false;
  /** How often the suite held it. */
  held = 0;
  /** What a fault does to it that nobody must interfere with. */
  busy = 0;
  /** Supervisors that were killed: each may end it once. */
  supervisorsKilled = 0;
  #strays = 0;
  /** Somebody has held it: a controller that is killed may come back without knowing that it was released. */
  wasHeld = false;
  /** Damages to its store: what one has kept of a file may be what another had left of it. */
  readonly damages = new Turns();
  /** How they are undone, should it be held for them: in their order. */
  readonly undo: (() => Promise<void>)[] = [];
  /** What is wrong: it is lost when there is anything. */
  readonly wrong: string[] = [];
  #releases = 0;
  #excluded = '';
  #waitsFor = { restarts: 0, since: 0 };

  constructor(user: User, job: Job, place: VictimsPlace, expected: Work, field: Field) {
    this.user = user;
    this.job = job;
    this.#place = place;
    this.#expected = expected;
    this.#field = field;
  }

  /** Its checkpoints' folder, as ctl sees it. */
  get store(): string {
    return `${this.#place.store}/${this.id}`;
  }

  /** Numbers of its checkpoints, oldest first. */
  async checkpoints(): Promise<number[]> {
    const { stdout } = await tryOn('ctl', ['ls', this.store]);
    return stdout
      .split('\n')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .toSorted((a, b) => a - b);
  }

  /** Asks until there is an answer, or until the job is over: then undefined. */
  async until<T>(
    question: (now: QueuedJob) => Promise<T | undefined | false>,
  ): Promise<T | undefined> {
    while (!this.over) {
      const now = await this.job.inQueue();
      const answer = now && (await question(now));
      if (answer !== undefined && answer !== false) return answer;
      await sleep(LOOK_EVERY_MS / 2);
    }
    return undefined;
  }

  /** The node on which it runs, as soon as it does; undefined when it is over. */
  async runs(): Promise<Worker | undefined> {
    return this.until(async ({ state }) => state === 'RUNNING' && this.node);
  }

  /** scontrol as its owner, until it is taken. False when the job is over before. */
  async scontrol(...words: string[]): Promise<boolean> {
    const taken = await this.until(
      async () => (await this.user.try('timeout', '30', 'scontrol', ...words)).status === 0,
    );
    return taken === true;
  }

  /** Follows it to its end, and judges that. */
  async follow(): Promise<void> {
    const deadline = Date.now() + LONGEST_MS;
    let looksEnded = 0;
    while (!this.over) {
      await sleep(LOOK_EVERY_MS);
      const now = await this.job.inQueue();
      if (Date.now() > deadline) {
        this.#end(`it hangs: ${now?.state} (${now?.reason}) after ${LONGEST_MS / 60_000} minutes`);
        await this.job.cancel().catch(() => undefined);
        return;
      }
      if (!now) continue;
      this.#note(now);
      looksEnded = hasEnded(now) ? looksEnded + 1 : 0;
      if (looksEnded >= SURE_AFTER_LOOKS) await this.#ended(now);
      else if (now.state === 'PENDING' && this.busy === 0) await this.#waits(now);
    }
  }

  #note(now: QueuedJob): void {
    if (now.state !== 'RUNNING') return;
    this.id = now.id;
    this.node = now.nodes as Worker;
    this.startedAt ??= Date.now();
  }

  #end(...wrong: string[]): void {
    this.wrong.push(...wrong);
    this.over = true;
  }

  /** Sends it to the other node each time, so that it gets around, if that is there. */
  async #waits(now: QueuedJob): Promise<void> {
    if (isHeld(now.reason)) await this.#isHeld(now);
    if (now.restarts === 0) return;
    if (now.restarts !== this.#waitsFor.restarts) {
      this.#waitsFor = { restarts: now.restarts, since: Date.now() };
    }
    // The other node may be full, or drained.
    const longEnough = Date.now() - this.#waitsFor.since > PATIENCE_FOR_OTHER_NODE_MS;
    const anyNode = longEnough || this.#field.out !== undefined || isHeld(now.reason);
    const excluded = anyNode ? '' : (this.node ?? '');
    if (excluded === this.#excluded) return;
    const words = ['update', `jobid=${this.job.name}`, `excnodelist=${excluded}`];
    const ran = await this.user.try('timeout', '10', 'scontrol', ...words);
    if (ran.status === 0) this.#excluded = excluded;
  }

  /** Not lost, if the checkpoints are there and the output says why: it goes on when the cause is mended. */
  async #isHeld({ reason }: QueuedJob): Promise<void> {
    this.held += 1;
    this.#releases += 1;
    const said = (await this.job.told()).findLast((line) => line.startsWith('The job is held'));
    console.log(`job ${this.job.name} is held (${reason}): ${said ?? 'its output says nothing'}`);
    // Slurm's own ways, which say nothing in the job's output: after a controller has lost what happened last, and with a job whose node
    // died while it was suspended (ARCHITECTURE.md).
    const bySlurm =
      /launch.failed|JobHeldAdmin/i.test(reason) || (this.wasHeld && reason === 'JobHeldUser');
    if (said === undefined && !bySlurm) {
      return this.#end('it is held, and its output does not say why');
    }
    const hadCheckpoints = checkpointsIn(await this.job.output()) > 0;
    if (hadCheckpoints && (await this.checkpoints()).length === 0) {
      return this.#end('it is held, and its checkpoints are gone');
    }
    if (this.#releases > MOST_RELEASES) {
      return this.#end(`it is held again and again: ${said ?? reason}`);
    }
    // The last damage first: what it kept of a file may have had the one before.
    await this.damages.take(async () => {
      for (const undo of this.undo.splice(0).toReversed()) await undo();
    });
    this.#excluded = '';
    await tryOn('ctl', ['scontrol', 'update', `jobid=${this.job.name}`, 'excnodelist=']);
    await this.release();
  }

  /** Until it is known: a controller that is killed in the next seconds comes back without. */
  async release(): Promise<void> {
    await this.until(async ({ reason }) => {
      if (!isHeld(reason)) return true;
      await tryOn('ctl', ['scontrol', 'release', this.job.name]);
      return false;
    });
  }

  async #ended(now: QueuedJob): Promise<void> {
    const told = await this.job.told();
    if (now.state === 'FAILED' && now.exitCode === '0:9' && this.supervisorsKilled > 0) {
      this.supervisorsKilled -= 1;
      return this.#runAgain(now);
    }
    // Slurm's signals for a run that it has requeued can reach the next one, when that begins in the same moment (docs/notes/slurm.md). It is
    // then as with any supervisor that is killed.
    if (now.state === 'FAILED' && now.exitCode === '0:9' && this.#strays < MOST_STRAYS) {
      const taken = checkpointsIn(await this.job.output());
      const there = (await this.checkpoints()).length;
      if (taken === 0 || there > 0) {
        this.#strays += 1;
        console.log(`job ${this.job.name} was killed by Slurm, and has ${there} checkpoints`);
        return this.#runAgain(now);
      }
    }
    const advice = new RegExp(`scontrol requeue ${this.job.name} goes on from`);
    if (now.exitCode === `${LEFT_ITS_NODE}:0` && advice.test(told.at(-1) ?? '')) {
      console.log(`job ${this.job.name} ended, and says: ${told.at(-1)}`);
      return this.#runAgain(now);
    }
    // It may have been done before the blow fell.
    const mayFail = this.#expected.status === 0 && (await shimHasStruck('rsync', this.id));
    const planned = endOf(this.#expected.status);
    const is = `${now.state} ${now.exitCode}`;
    if (is !== planned && !(mayFail && is === endOf(NOT_DELIVERED))) {
      this.wrong.push(`it ended ${is} instead of ${planned}`);
    }
    this.wrong.push(...faultsOfOutput(await this.job.output(), this.#expected.output));
    this.wrong.push(...faultsOfFiles(await this.#files(), this.#expected.files));
    const stdout = await this.#whatStaysInStore();
    if (stdout !== '') this.wrong.push(`its checkpoints are still there: ${this.store}: ${stdout}`);
    this.over = true;
  }

  /**
   * The Epilog removes the checkpoints after Slurm has said that the job has ended, and a share takes its time. If the node dies at that very
   * moment, the owner's next job with the same store does.
   */
  async #whatStaysInStore(): Promise<string> {
    const deadline = Date.now() + EPILOG_PATIENCE_MS;
    const look = async (): Promise<string> => (await tryOn('ctl', ['ls', '-A', this.store])).stdout;
    while ((await look()) !== '') {
      await sleep(LOOK_EVERY_MS);
      if (Date.now() < deadline) continue;
      const next = await this.user.submit({
        script: '#!/bin/bash\nsleep 5\n',
        comment: 'checkpoint=30',
        environment: { SLURM_CHECKPOINT_DIR: this.#place.store.replace(/^\/srv/, '') },
      });
      await next.ended();
      return look();
    }
    return '';
  }

  async #runAgain({ restarts }: QueuedJob): Promise<void> {
    await this.until(async (now) => {
      if (now.restarts > restarts) return true;
      await this.user.try('timeout', '30', 'scontrol', 'requeue', this.job.name);
      await sleep(2 * LOOK_EVERY_MS);
      return false;
    });
  }

  async #files(): Promise<Map<string, string>> {
    const { folder, label } = this.#place;
    const kept = `/home/${this.user.name}/.checkpointer/${this.id}.results`;
    const inStore = `${this.#place.store}/${this.id}.results`;
    return new Map([
      ...(await filesIn(outside(`${folder}/data/${label}`), 'data')),
      ...(await filesIn(outside(`${folder}/results/${label}`), 'results')),
      ...(await filesIn(outside(`${kept}/${label}`), 'results')),
      ...(inStore === kept ? [] : await this.#filesOnCtl(`${inStore}/${label}`)),
    ]);
  }

  /** Of a file system that only ctl sees. */
  async #filesOnCtl(folder: string): Promise<[string, string][]> {
    const { stdout } = await tryOn('ctl', ['ls', folder]);
    const names = stdout.split('\n').filter((name) => name !== '');
    return Promise.all(
      names.map(async (name): Promise<[string, string]> => [
        `results/${name}`,
        (await tryOn('ctl', ['cat', `${folder}/${name}`])).stdout,
      ]),
    );
  }

  /** Removes results that could not be delivered, once they are judged. */
  async removeKept(): Promise<void> {
    if (this.id === '' || !(await shimHasStruck('rsync', this.id))) return;
    await tryOn('ctl', ['rm', '-rf', `${this.store}.results`]);
  }
}

const endOf = (status: number): string => `${status === 0 ? 'COMPLETED' : 'FAILED'} ${status}:0`;

/** The files of a folder, with their bytes; none when it is not there. */
export async function filesIn(folder: string, name: string): Promise<[string, string][]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return Promise.all(
    entries.map(async (entry): Promise<[string, string]> => [
      `${name}/${entry.name}`,
      entry.isFile() ? await readFile(join(folder, entry.name), 'latin1') : 'no file',
    ]),
  );
}

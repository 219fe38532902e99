import { setTimeout as sleep } from 'node:timers/promises';

import { Refusal } from '../errors.ts';
import { isCancelled } from '../slurm/control.ts';
import { isNewer, LeaseFile } from '../store/lease.ts';
import type { Lease, RunName } from '../store/lease.ts';
import { bootId } from '../system/proc.ts';
import { describeSeconds } from '../time.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

/** Parts of the lease's time: between two looks at it; after which without a renewal the controller is asked; after which the tree waits. */
const LOOK_SHARE = 1 / 8;
const ASK_SHARE = 1 / 2;
const PAUSE_SHARE = 3 / 4;
const POLL_MS = 1000;
/** How long a job stands still before it is told why: after a suspension both answer within a moment. */
const SAY_AFTER_MS = 10_000;
const BEAT_PATIENCE_MS = 5000;
/** For so many leases a run that has lost the job may be busy with ending what it does to it; the newer one waits. */
const LOSING_LEASES = 5;

/** What a keeper does to the tree; it knows no more of it. */
export type Keeping = {
  /** Nobody can tell whether the job runs elsewhere: the tree waits. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Another run has the job: this one must not write any more. Returns whether nothing of it does. */
  readonly lost: () => Promise<boolean>;
};

/**
 * Waits until no older run of the job can be running any more, and takes its place. Returns false when this run is the older one.
 * Throws when the store cannot be read or written.
 */
export async function takeLease(run: Run): Promise<boolean> {
  const file = new LeaseFile(run.store.path);
  const held = await file.read();
  if (held && held.run > run.restarts) return false;
  const isMine = held?.run === run.restarts && held.token === run.token;
  if (!isMine && (held || run.restarts > 0)) {
    const claimant = await file.claimant();
    if (claimant && claimant.run > run.restarts) return false;
    await file.claim(nameOf(run));
    await waitForHolder(run, file, held);
    if (await isTakenFrom(run, file)) return false;
  }
  await file.write(leaseOf(run, 'held', 0));
  return true;
}

/** While this run waited, cut off perhaps, a newer one may have come, which had to wait for nobody. */
async function isTakenFrom(run: Run, file: LeaseFile): Promise<boolean> {
  const [claimant, held] = [await file.claimant(), await file.read()];
  if (held && held.run > run.restarts) return true;
  return claimant !== undefined && isNewer(claimant, nameOf(run));
}

/** @param held undefined when the earlier run could not say that it has the job, which does not mean that it has ended */
async function waitForHolder(run: Run, file: LeaseFile, held: Lease | undefined): Promise<void> {
  const patienceMs = run.config.lease * 1000;
  if (held?.state === 'released') return;
  if (held?.node === run.nodeName && held.boot !== bootId()) return;
  // However old its last beat is: a holder that the store has lost may live by the controller's word for as long as this.
  say(
    `The earlier run of this job${held ? ` on ${held.node}` : ''} may still be alive: waiting until it has stopped, at most ${describeSeconds(run.config.lease)}`,
  );
  let beat = held?.beat;
  let lastBeatAt = performance.now();
  while (performance.now() - lastBeatAt < patienceMs) {
    await sleep(POLL_MS);
    const now = await file.read();
    if (now?.state === 'released') return;
    if (now?.beat === beat) continue;
    // Still alive, and sees the claim at its next beat.
    beat = now?.beat;
    lastBeatAt = performance.now();
  }
}

/** Keeps the lease for as long as the run lasts. */
export class LeaseKeeper implements AsyncDisposable {
  readonly #run: Run;
  readonly #file: LeaseFile;
  readonly #keeping: Keeping;
  readonly #timer: NodeJS.Timeout;
  #confirmedAt = performance.now();
  #beat = 0;
  #looks = 0;
  readonly #underWay = new Set<string>();
  /** By performance.now(); undefined while the job runs. */
  #pausedAt: number | undefined;
  #said = false;
  #over = false;
  #finishing = false;
  /** Set when a newer run wants the job, until it can have it. */
  #losing: Promise<void> | undefined;
  readonly #work = new Set<Promise<unknown>>();

  constructor(run: Run, keeping: Keeping) {
    this.#run = run;
    this.#file = new LeaseFile(run.store.path);
    this.#keeping = keeping;
    this.#timer = setInterval(() => this.#tick(), run.config.lease * 1000 * LOOK_SHARE);
    this.#timer.unref();
  }

  /**
   * The script has come to its end: whoever claims the job waits from now on until that is noted, and need not run it. Returns false when
   * it is too late: a newer run has the job.
   */
  finishes(): boolean {
    this.#finishing = !this.#isLost;
    return this.#finishing;
  }

  get #isLost(): boolean {
    return this.#over || this.#losing !== undefined;
  }

  /**
   * Does something that two runs of the job must never do at once, as laying back its files or its processes: only while it is certain that the
   * job is this run's; and a newer run waits until it is done. Throws Refusal when the job is another run's.
   */
  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    while (!this.#isLost && this.#silence() >= PAUSE_SHARE) await sleep(POLL_MS);
    if (this.#isLost) throw new Refusal('a newer run of this job has taken over');
    const done = work();
    this.#work.add(done);
    try {
      return await done;
    } finally {
      this.#work.delete(done);
    }
  }

  /** Nothing of this run writes any more: the next one need not wait. */
  async release(): Promise<void> {
    if (this.#over) return;
    await (this.#losing ?? this.#letGo());
  }

  async #letGo(): Promise<void> {
    this.#stop();
    // A beat that is on its way would take it back.
    const patience = performance.now() + BEAT_PATIENCE_MS;
    while (this.#underWay.has('beat') && performance.now() < patience) await sleep(20);
    await this.#write('released').catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #stop(): void {
    this.#over = true;
    clearInterval(this.#timer);
  }

  #tick(): void {
    // On a share that hangs a beat stays under way, as a question to the controller does; neither may hold the other up, or the pause.
    this.#looks += 1;
    if (this.#looks % 2 === 0) this.#once('beat', async () => this.#renew());
    // Nothing is left that could wait.
    if (this.#finishing || this.#losing) return;
    const silence = this.#silence();
    if (silence >= ASK_SHARE) this.#once('ask', async () => this.#askController());
    if (silence < PAUSE_SHARE) return;
    if (this.#pausedAt === undefined) {
      // Whatever else this may be: a run that was suspended itself does not know what has happened meanwhile, either.
      this.#pausedAt = performance.now();
      this.#keeping.pause();
    } else if (!this.#said && performance.now() - this.#pausedAt >= SAY_AFTER_MS) {
      this.#said = true;
      say(
        'Neither the checkpoint folder nor the Slurm controller can be reached: the job waits, for it may have been started elsewhere',
      );
    }
  }

  /** How long nobody has confirmed that the job is this run's, in leases. */
  #silence(): number {
    return (performance.now() - this.#confirmedAt) / (this.#run.config.lease * 1000);
  }

  /** Does something unless it is under way already. */
  #once(name: string, work: () => Promise<void>): void {
    if (this.#underWay.has(name)) return;
    this.#underWay.add(name);
    void work()
      // The store or the controller is away; the silence tells.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(name));
  }

  async #renew(): Promise<void> {
    const beganAt = performance.now();
    this.#beat += 1;
    if (!(await this.#write('held'))) {
      this.#lose();
      return;
    }
    // After the beat: on a share that hung meanwhile, a newer run may have waited in vain for it.
    const claimant = await this.#file.claimant();
    if (claimant && isNewer(claimant, nameOf(this.#run))) this.#yield();
    else this.#confirm(beganAt);
  }

  async #askController(): Promise<void> {
    const beganAt = performance.now();
    const now = await this.#run.controller.job();
    if (!now) return;
    if (now.restarts > this.#run.restarts) this.#yield();
    else if (!isCancelled(now)) this.#confirm(beganAt);
  }

  /** @param at when it was asked: the answer may have been long on its way */
  #confirm(at: number): void {
    if (this.#isLost) return;
    this.#confirmedAt = Math.max(this.#confirmedAt, at);
    if (this.#silence() >= PAUSE_SHARE) return;
    if (this.#pausedAt === undefined) return;
    this.#pausedAt = undefined;
    this.#keeping.resume();
    if (this.#said) say('The job goes on');
    this.#said = false;
  }

  /** Returns false when a newer run has taken the job, as when the store was away for longer than it had to wait: its lease stays. */
  async #write(state: Lease['state']): Promise<boolean> {
    const held = await this.#file.read();
    if (held && isNewer(held, nameOf(this.#run))) return false;
    await this.#file.write(leaseOf(this.#run, state, this.#beat));
    return true;
  }

  /** A newer run wants the job, and gets it: one that is finishing notes first how the script has ended. */
  #yield(): void {
    if (!this.#finishing) this.#lose();
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#losing = this.#windUp();
  }

  /** Beats until nothing of this run is at work any more: for so long the newer one waits. */
  async #windUp(): Promise<void> {
    const limit = setTimeout(() => this.#stop(), this.#run.config.lease * 1000 * LOSING_LEASES);
    const ended = await this.#keeping.lost();
    await Promise.allSettled(this.#work);
    clearTimeout(limit);
    // What cannot be ended (in a wait that no signal reaches) may still write when it is woken: then the newer run has to wait.
    if (ended) await this.#letGo();
    else this.#stop();
  }
}

const nameOf = ({ restarts, token }: Run): RunName => ({ run: restarts, token });

const leaseOf = (run: Run, state: Lease['state'], beat: number): Lease => ({
  ...nameOf(run),
  node: run.nodeName,
  boot: bootId(),
  state,
  beat,
});

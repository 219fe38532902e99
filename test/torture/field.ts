import { setTimeout as sleep } from 'node:timers/promises';

import {
  cluster,
  signalDaemon,
  startDaemon,
  STATE_SAVED_MS,
  tryOn,
  type WORKERS,
} from '../helpers/cluster.ts';

export type Worker = (typeof WORKERS)[number];

const LOOK_EVERY_MS = 500;
const LONGEST_RETURN_MS = 5 * 60_000;

/** Things that are done one after the other, in the order in which they were asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before.catch(() => undefined);
      return work();
    })();
    this.#last = mine;
    return mine;
  }
}

/** The cluster that all jobs are on. One thing at a time is done to it, so that there always is a node that may be worked on. */
export class Field {
  /** The node that takes no jobs now. */
  out: Worker | undefined;
  readonly #turns = new Turns();
  #submissions: Promise<unknown> = Promise.resolve();

  /** Does something to the cluster when nothing else is being done to it, and waits until it is whole again. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(work);
  }

  /** Submits something that slurmctld may not forget: killed within seconds, it has not saved it, and gives its number to the next job. */
  async submits<T>(work: () => Promise<T>): Promise<T> {
    return this.alone(async () => {
      const submitted = await work();
      this.#submissions = sleep(STATE_SAVED_MS);
      return submitted;
    });
  }

  /** Waits until slurmctld has saved all that was submitted. Nothing else is when this is called within `alone`. */
  async saved(): Promise<void> {
    await this.#submissions;
  }

  /**
   * Does what an admin would: slurmctld drains a node ("Duplicate jobid") that it asked twice to start a job, because it was stopped
   * before it got the answer. Nothing that we do drains one for this. A node that is taken away has its turn when it is back.
   */
  async mend(): Promise<void> {
    await this.#resumeDrained();
  }

  /** @param back one that was taken away, and is to come back */
  async #resumeDrained(back?: Worker): Promise<void> {
    const { stdout } = await tryOn('ctl', ['sinfo', '-h', '-N', '-p', 'main', '-o', '%N %T %E']);
    for (const [, node = '', reason] of stdout.matchAll(/^(\S+) drain\S* (.*)$/gm)) {
      if (node === this.out && node !== back) continue;
      console.log(`${node} is drained (${reason}): it is resumed`);
      await tryOn('ctl', ['scontrol', 'update', `nodename=${node}`, 'state=resume']);
    }
  }

  /** Takes a node away for as long as the work takes. */
  async without(node: Worker, work: () => Promise<void>): Promise<void> {
    this.out = node;
    try {
      await work();
    } finally {
      await this.#comesBack(node);
    }
  }

  /** Waits until a node takes jobs again. Throws when it does not. */
  async #comesBack(node: Worker): Promise<void> {
    const deadline = Date.now() + LONGEST_RETURN_MS;
    while (!(await bothTakeJobs())) {
      if (Date.now() > deadline) throw new Error(`${node} does not come back`);
      await this.#resumeDrained(node);
      await sleep(LOOK_EVERY_MS);
    }
    this.out = undefined;
  }
}

export async function powerCut(node: Worker, ms: number): Promise<void> {
  await cluster('off', node);
  try {
    // Slurm would find out in SlurmdTimeout.
    await patiently('update', `nodename=${node}`, 'state=down', 'reason=power cut');
    await sleep(ms);
  } finally {
    await cluster('on', node);
  }
}

export async function networkCut(node: Worker, ms: number): Promise<void> {
  await cluster('unplug', node);
  try {
    await patiently('update', `nodename=${node}`, 'state=down', 'reason=cut off');
    // Its slurmd would refuse jobs that it believes to run; and a new one, that has seen the steps of those, as well (docs/notes/slurm.md). So
    // none is to come there until `without` has it resumed.
    await patiently('update', `nodename=${node}`, 'state=drain', 'reason=cut off');
    await sleep(ms);
  } finally {
    await cluster('plug', node);
    await startDaemon(node);
    while ((await tryOn(node, ['pgrep', '-f', '^slurmstepd: '])).status === 0) {
      await sleep(LOOK_EVERY_MS);
    }
    await startDaemon(node);
  }
}

export async function drain(node: Worker, ms: number): Promise<void> {
  await patiently('update', `nodename=${node}`, 'state=drain', 'reason=maintenance');
  await sleep(ms);
  await patiently('update', `nodename=${node}`, 'state=resume');
}

/** Kills a daemon of Slurm's, and starts it again after a while. */
export async function daemonKilled(node: 'ctl' | Worker, ms: number): Promise<void> {
  await signalDaemon(node, node === 'ctl' ? 'slurmctld' : 'slurmd', 'KILL');
  await sleep(ms);
  await startDaemon(node);
  while (!(await answers())) await sleep(LOOK_EVERY_MS);
}

export async function controllerStopped(ms: number): Promise<void> {
  await signalDaemon('ctl', 'slurmctld', 'STOP');
  try {
    await sleep(ms);
  } finally {
    await signalDaemon('ctl', 'slurmctld', 'CONT');
  }
  while (!(await answers())) await sleep(LOOK_EVERY_MS);
}

const TRIES = 60;

/** scontrol as root, again and again until the controller takes it. Throws when it never does. */
async function patiently(...words: string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const ran = await tryOn('ctl', ['timeout', '30', 'scontrol', ...words]);
    if (ran.status === 0) return;
    if (tries === TRIES) throw new Error(`scontrol ${words.join(' ')}: ${ran.stderr}`);
    await sleep(LOOK_EVERY_MS);
  }
}

const answers = async (): Promise<boolean> =>
  (await tryOn('ctl', ['timeout', '5', 'scontrol', 'ping'])).stdout.includes('is UP');

async function bothTakeJobs(): Promise<boolean> {
  const { stdout } = await tryOn('ctl', ['sinfo', '-h', '-N', '-p', 'main', '-o', '%T']);
  const states = stdout.split('\n').filter((line) => line !== '');
  return (
    states.length === 2 &&
    states.every((state) => /^(?:idle|mixed|allocated|completing)$/.test(state))
  );
}

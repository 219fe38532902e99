// A job that shows whether anything of it was lost, done twice or mixed up: witness.py, and what it leaves undisturbed.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { outside } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import type { SubmittedJob } from '../scenarios/job.ts';
import type { Partition } from '../scenarios/mover.ts';
import type { Place, Wishes } from '../scenarios/place.ts';
import { isOver, until, type JobRecord } from '../scenarios/slurm.ts';
import { differs } from './differs.ts';
import { giveTheWord, whyHeld } from './hold.ts';
import { leftBy } from './left.ts';
import { processesOf } from './processes-seen.ts';
import { commandOf, RESULTS, textOf, undisturbed, type Undisturbed, type Work } from './undisturbed.ts';

const WORK: Work = { steps: 120, pause: 0.25, megabytes: 16, status: 7, appends: true };

/** As jobs see it and as it is seen from out here. */
type OwnStore = { readonly folder: string; readonly outside: string };
export type Options = Omit<Wishes, 'partition'> & {
  readonly partition?: Partition | 'both';
  readonly work?: Partial<Work>;
  readonly store?: OwnStore;
};
type Own = { readonly name: string; readonly work: Work; readonly store: OwnStore | undefined };
export type Outcome = { readonly record: JobRecord; readonly holds: readonly string[] };
/** More, but for one for each time that it lost its node, is no mending, but a circle. */
const MOST_RELEASES = 4;

export class Witness {
  readonly job: SubmittedJob;
  readonly place: Place;
  readonly work: Work;
  readonly #name: string;
  readonly #lostNodes = new Map<string, 'power' | 'slurmd'>();
  #losses = 0; // how often it was there when a node's power went
  readonly store: string; // from out here

  private constructor(place: Place, job: SubmittedJob, { name, work, store }: Own) {
    this.place = place;
    this.#name = name;
    this.job = job;
    this.work = work;
    this.store = path.join(store?.outside ?? outside(place.folder), `.checkpointer-alice/sandbox-${job.id}`);
  }

  /** @param name of those of a place, which are told apart by it; results are asked for in any case */
  static async start(
    place: Place,
    name: string,
    { work, store, partition = 'main', ...wishes }: Options = {},
  ): Promise<Witness> {
    const all = { ...WORK, ...work };
    const results = place.makeFolder(`results-${name}`);
    const comment = [wishes.comment ?? 'checkpoint=0:05', `results=${results}`].join();
    const env = store && { SLURM_CHECKPOINT_DIR: store.folder };
    const own = { ...wishes, comment, ...(partition !== 'both' && { partition }), ...(env && { env }) };
    const job = await place.submit(commandOf(all, `appended-${name}`), own);
    return new Witness(place, job, { name, work: all, store });
  }

  async isAtStep(step: number): Promise<void> {
    await this.job.until(`is at step ${step}`, () => this.job.lines().some((line) => line.startsWith(`line ${step} `)));
  }

  isOver(): boolean {
    return isOver(this.job.record() ?? { state: '' });
  }

  /** Its power, or its slurmd, while the job was there: what the job had there is not looked at, and removed. */
  loses(node: string, what: 'power' | 'slurmd' = 'power'): void {
    if (this.job.record()?.node === node) this.#losses += 1;
    this.#lostNodes.set(node, what);
  }

  /** Of its own accord, while nobody tells Slurm. */
  async ends(): Promise<void> {
    await until(
      `job ${this.job.id} ends`,
      () => !processesOf(this.job.id).some((words) => words.includes('witness.py')),
    );
  }

  checkpoints(): number[] {
    const names = existsSync(this.store) ? readdirSync(this.store) : [];
    return names
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .toSorted((a, b) => a - b);
  }

  /**
   * Followed to its end. Held, with a reason and with its checkpoints, it isn't lost: it is released once what was in the way
   * is mended. Throws what is wrong: another output, other results, another status than undisturbed, or something left behind.
   */
  async comesOutRight({ mend = async () => {}, seconds = 150, exitCode, stillSeconds }: Follow = {}): Promise<Outcome> {
    const holds: string[] = [];
    for (;;) {
      const record = await this.job.heldOrOver(seconds, stillSeconds);
      if (isOver(record)) {
        const wrong = [
          ...(await this.#wrong(record, exitCode)),
          ...(await leftBy(this.job.id, this.store, this.#lostNodes)),
        ];
        if (wrong.length > 0) throw new Error(`job ${this.job.id}:\n${wrong.join('\n')}`);
        return { record, holds };
      }
      await mend();
      const hold = whyHeld(this, record);
      await giveTheWord(this, hold);
      holds.push(hold);
      if (holds.length > MOST_RELEASES + this.#losses)
        throw new Error(`job ${this.job.id} is held again and again: ${holds.at(-1)}`);
      await exec('ctl', ['scontrol', 'release', String(this.job.id)]);
    }
  }

  async #wrong({ exitCode, state }: JobRecord, due = `${this.work.status}:0`): Promise<string[]> {
    const expected = await undisturbed(this.place, this.#name, this.work);
    const appended = textOf(outside(this.place.path(`appended-${this.#name}`)));
    return [
      exitCode === due ? undefined : `it ended with ${exitCode} (${state}), and not with ${due}`,
      differs('its output', `${this.job.lines().join('\n')}\n`, expected.output),
      this.work.appends ? differs('appended', appended, expected.file('appended')) : undefined,
      ...this.#wrongIn(outside(this.place.path(`results-${this.#name}`)), expected),
    ].filter((each) => each !== undefined);
  }

  /** What is wrong with results that could not be delivered. */
  async keptIn(folder: string): Promise<string[]> {
    return this.#wrongIn(outside(folder), await undisturbed(this.place, this.#name, this.work));
  }

  #wrongIn(results: string, expected: Undisturbed): string[] {
    const wrong = RESULTS.map((name) =>
      differs(`results/${name}`, textOf(path.join(results, name)), expected.file(name)),
    );
    return wrong.filter((each) => each !== undefined);
  }
}

type Follow = {
  /** What is in its way, once it is held. */
  readonly mend?: () => unknown;
  /** Undisturbed, it would be the job's own. */
  readonly exitCode?: string;
  /** From one hold to the next, or to its end. */
  readonly seconds?: number;
  /** See heldOrOver(). */ readonly stillSeconds?: number;
};

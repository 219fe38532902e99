import { readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { programsOwn } from '../../lib/supervisor/say.ts';
import { outside, type WORKERS } from './cluster.ts';
import type { Ended, Job } from './job.ts';
import { killPart, type Part } from './kill.ts';
import { isHeld, until, type QueuedJob } from './queue.ts';
import { numbers } from './scripts.ts';
import { armShim, letGo, shimHasStruck, type Shimmed, type Strike } from './shims.ts';
import { storeOf } from './store.ts';
import type { Submission, User } from './user.ts';

export type Worker = (typeof WORKERS)[number];

/**
 * Counts until it finds the file `finish`, and writes each number in every way that could go wrong: to its output, to files that it
 * opened once for writing and for appending, to one in TMPDIR, and through a pipe to a second process, which writes to another.
 */
const PROGRAM = `import os, sys, time
period, ballast = float(sys.argv[1]), bytearray(int(sys.argv[2]) << 20)
for i in range(0, len(ballast), 4096): ballast[i] = i >> 12 & 255
inside = os.environ['TMPDIR']
end, start = os.pipe()
reader = os.fork()
if reader == 0:
    os.close(start)
    open('/proc/self/comm', 'w').write('reader')
    with open('through-pipe.txt', 'w') as file, os.fdopen(end) as pipe:
        for line in pipe: file.write(line); file.flush()
    os._exit(0)
os.close(end)
sinks = [1, start, os.open('fresh.txt', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
    os.open('appended.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
    os.open(inside + '/inside.txt', os.O_RDWR | os.O_CREAT, 0o644)]
number = 0
while not os.path.exists('finish'):
    number += 1
    with open('where.txt', 'a') as where: where.write('%s\\n' % os.uname().nodename)
    for sink in sinks: os.write(sink, b'%d\\n' % number)
    time.sleep(period)
os.close(start)
# The script may have begun others before, whose parent this is now.
os.waitpid(reader, 0)
if any(ballast[i] != i >> 12 & 255 for i in range(0, len(ballast), 4096)): print('memory changed')
`;

const commentOf = (words: string, folder: string): string => `${words},results=${folder}/results`;

/** A job that shows whether anything of it was lost, done twice, or mixed up. */
export class Witness {
  readonly #user: User;
  readonly #name: string;
  readonly job: Job;

  private constructor(user: User, name: string, job: Job) {
    this.#user = user;
    this.#name = name;
    this.job = job;
  }

  /** @param comment without the word for results, which are always asked for */
  static async start(
    user: User,
    name: string,
    comment: string,
    more: Partial<Submission> & { period?: number; megabytes?: number; before?: string } = {},
  ): Promise<Witness> {
    const folder = await user.makeFolder(user.path(name));
    await user.makeFolder(user.path(`${name}/results`));
    await user.write(`${name}/count.py`, PROGRAM);
    const { period = 0.1, megabytes = 0, before = '', ...submission } = more;
    const job = await user.submit({
      script: `#!/bin/bash\n${before}\nexec python3 count.py ${period} ${megabytes}\n`,
      ...submission,
      folder,
      comment: commentOf(comment, folder),
    });
    return new Witness(user, name, job);
  }

  /** From its next run on it has other options. @param comment as for start() */
  async nextWith(comment: string): Promise<void> {
    await this.#user.run(
      'scontrol',
      'update',
      `jobid=${this.job.name}`,
      `comment=${commentOf(comment, this.#user.path(this.#name))}`,
    );
  }

  /** Numbers counted so far. */
  async count(): Promise<number> {
    return Number((await this.job.ownOutput()).trimEnd().split('\n').at(-1));
  }

  /** Waits until it counts on from where it is now. */
  async counts(): Promise<void> {
    // None while its output is being laid back, or in the middle of a line.
    let before = await until(async () => {
      const now = await this.count();
      return Number.isNaN(now) ? undefined : now;
    });
    await until(async () => {
      const now = await this.count();
      // It goes on from an earlier one, or begins anew.
      if (now < before) before = now;
      return now > before;
    });
  }

  /** Waits until it has so many checkpoints, and runs. */
  async checkpointed(times: number): Promise<void> {
    await this.job.says(new RegExp(`(?:Dump done, Exit code: 0[^]*){${times}}`));
  }

  /** Where it runs now. */
  async node(): Promise<Worker> {
    return (await this.job.running()).nodes as Worker;
  }

  /** Has Slurm run it again after it has ended. */
  async runsAgain(): Promise<void> {
    await this.job.runsAgain();
  }

  /** Lets it run again, on a node that it may leave again; without one, on any. */
  async nextOn(node: Worker | ''): Promise<void> {
    const { name } = this.job;
    // What kept it from its last node so far was a helper of the tests.
    await this.#user.run(
      'scontrol',
      'update',
      `jobid=${name}`,
      `reqnodelist=${node}`,
      'excnodelist=',
    );
    await this.#user.run('scontrol', 'release', name);
  }

  /** Waits until Slurm holds it. */
  async held(): Promise<QueuedJob> {
    return this.job.is(isHeld);
  }

  /** Kills the agent or the supervisor of this job, as soon as it has one. */
  async kills(which: Part): Promise<void> {
    // It may just be on its way to another node.
    await until(async () => killPart(which, this.job.name, await this.node()));
  }

  /** What happens to a program the next time that it runs for this job, or from then on. */
  async willStrike(program: Shimmed, when: string, how: Strike): Promise<void> {
    await armShim(program, this.job.name, when, how);
  }

  /** Waits until that happens. */
  async struck(program: Shimmed): Promise<void> {
    await until(async () => shimHasStruck(program, this.job.name));
  }

  /** Lets a program go that waits. */
  async letsGo(program: Shimmed): Promise<void> {
    await letGo(program, this.job.name);
  }

  /** Has it saved and held, as soon as it counts. */
  async savedAndHeld(): Promise<void> {
    await this.counts();
    await this.job.savedAndHeld();
  }

  /** Waits until it is to be run again, and keeps it from that: what is prepared now is there when it runs. */
  async waitsToRunAgain(times = 1): Promise<void> {
    await until(async () => {
      await this.job.is(({ state, restarts }) => state === 'PENDING' && restarts >= times);
      // Refused when it runs already: it comes back from there, too.
      return (await this.#user.try('scontrol', 'hold', this.job.name)).status === 0;
    });
  }

  /** Lets it finish, and looks at all that it has left. */
  async finish(): Promise<Ended> {
    await this.#user.touch(`${this.#name}/finish`);
    const ended = await this.job.ended();
    expect(ended, await this.job.output()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
    await this.looksRight();
    expect(await storeOf(this.#user, this.job)).toEqual([]);
    return ended;
  }

  /** The nodes that it counted on, in their order, each stay once: a job that runs twice at a time goes to and fro. */
  async stays(): Promise<string[]> {
    const lines = (await this.#user.read(`${this.#name}/where.txt`)).trimEnd().split('\n');
    return lines.filter((line, index) => line !== lines[index - 1]);
  }

  async looksRight(): Promise<void> {
    // What it said before it was begun anew, which it has been told of, is not what it says.
    const [output = ''] = (await this.job.output())
      .split(/^.*it starts from the beginning\n/m)
      .slice(-1);
    const own = programsOwn(output);
    const expected = numbers(own.trimEnd().split('\n').length);
    expect(own).toBe(expected);
    for (const name of ['fresh.txt', 'appended.txt', 'through-pipe.txt', 'results/inside.txt']) {
      const text = await readFile(outside(this.#user.path(`${this.#name}/${name}`)), 'latin1');
      expect(text, name).toBe(expected);
    }
  }
}

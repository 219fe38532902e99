import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ALICE_UID, asAlice } from '../helpers/alice.ts';
import { on, outside, type Node } from '../helpers/cluster.ts';

const PATIENCE_MS = 180_000;

/** alice's folder for what is measured, and her jobs there. */
export class Lab {
  /** As the nodes see it. */
  readonly folder = `/shared/bench-${Date.now()}`;

  /** As this machine sees it. */
  get outside(): string {
    return outside(this.folder);
  }

  async open(): Promise<void> {
    await mkdir(this.outside);
    await chown(this.outside, ALICE_UID, ALICE_UID);
  }

  async close(): Promise<void> {
    await rm(this.outside, { recursive: true, force: true });
  }

  async write(name: string, text: string): Promise<void> {
    const file = join(this.outside, name);
    await writeFile(file, text);
    await chmod(file, 0o755);
    await chown(file, ALICE_UID, ALICE_UID);
  }

  /** Submits a script; its output goes to ID.out. Returns the job's id. */
  async submit(script: string, ...options: string[]): Promise<string> {
    await this.write('script', script);
    const plain = ['--parsable', '--output=%j.out', '--time=30'];
    return (await asAlice(this.folder, 'sbatch', ...plain, ...options, 'script')).trim();
  }

  async read(name: string): Promise<string> {
    return readFile(join(this.outside, name), 'utf8').catch(() => '');
  }

  /** Waits until a job's output holds something, and returns what matched. */
  async says(id: string, what: RegExp): Promise<RegExpExecArray> {
    return until(`job ${id} says ${what}`, async () => what.exec(await this.read(`${id}.out`)));
  }

  async ended(id: string): Promise<void> {
    await until(`job ${id} has ended`, async () => {
      const shown = await on('ctl', 'scontrol', '--oneliner', 'show', 'job', id);
      return !/ JobState=(PENDING|CONFIGURING|RUNNING|COMPLETING|SUSPENDED) /.test(shown);
    });
  }

  async cancel(id: string): Promise<void> {
    await asAlice('/', 'scancel', id);
    await this.ended(id);
  }
}

/** Asks until there is an answer. */
export async function until<T>(
  what: string,
  question: () => Promise<T | undefined | null | false>,
  everyMs = 20,
): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(everyMs)) {
    const answer = await question();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
  }
  throw new Error(`waited in vain until ${what}`);
}

/** When Slurm logged such a line on a node: milliseconds since the epoch, of each, the oldest first. */
export async function logged(node: Node, what: RegExp): Promise<number[]> {
  const name = node === 'ctl' ? 'slurmctld' : 'slurmd';
  const log = await readFile(outside(`/var/log/slurm/${name}.log`, node), 'utf8');
  return log.split('\n').flatMap((line) => {
    const [, time] = /^\[([^\]]+)\]/.exec(line) ?? [];
    return time !== undefined && what.test(line) ? [Date.parse(`${time}Z`)] : [];
  });
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? NaN;
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
}

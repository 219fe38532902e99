import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { tryOn, outside, type Node, type Ran } from './cluster.ts';
import { Job } from './job.ts';
import { hasEnded } from './queue.ts';

export const UIDS = { alice: 2001, bob: 2002 } as const;
export type UserName = keyof typeof UIDS;

export type Submission = {
  readonly script: string;
  readonly comment?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of sbatch. */
  readonly options?: readonly string[];
  /** Arguments of the script. */
  readonly args?: readonly string[];
  /** The job's working directory and its output's; the test's folder if not said. */
  readonly folder?: string;
};

/** A user with a folder for one test, that every node can reach. */
export class User {
  readonly name: UserName;
  readonly folder: string;
  readonly jobs: Job[] = [];
  readonly #folders: string[] = [];
  #scripts = 0;

  constructor(name: UserName, test: string) {
    this.name = name;
    const plain = test.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 40);
    this.folder = `/shared/tests/${plain}-${randomBytes(3).toString('hex')}`;
  }

  async open(): Promise<void> {
    const folder = outside(this.folder);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    await chown(folder, UIDS[this.name], UIDS[this.name]);
  }

  async close(): Promise<void> {
    const folders = [this.folder, ...this.#folders].map((path) => outside(path));
    await Promise.all(folders.map(async (path) => rm(path, { recursive: true, force: true })));
  }

  /** Ends what a failed test left running, and returns what its jobs said. */
  async abandon(): Promise<string> {
    const stories = await Promise.all(
      this.jobs.map(async (job) => {
        const now = await job.inQueue();
        if (!now || !hasEnded(now)) await this.try('scancel', job.name);
        return `--- job ${job.name} (${now?.state}, ${now?.exitCode}), kept in ${this.folder}:\n${await job.output()}`;
      }),
    );
    return stories.join('\n');
  }

  path(name: string): string {
    return resolve(this.folder, name);
  }

  async write(name: string, text: string, mode = 0o644): Promise<string> {
    const path = this.path(name);
    const file = outside(path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
    await chown(file, UIDS[this.name], UIDS[this.name]);
    return path;
  }

  /** What a script waits for: see waitFor() in scripts.ts. */
  async touch(name: string): Promise<void> {
    await this.write(name, '');
  }

  async read(name: string): Promise<string> {
    return readFile(outside(this.path(name)), 'latin1');
  }

  /** Submits a job; its output is in a file of its own. */
  async submit(submission: Submission): Promise<Job> {
    const [job] = await this.submitAll(submission, ['']);
    return job as Job;
  }

  /** Submits the same job without options, in a folder of its own: what it does is right by definition. */
  async undisturbed(submission: Omit<Submission, 'comment'>): Promise<Job> {
    const folder = submission.folder ?? this.folder;
    await this.makeFolder(join(folder, 'undisturbed'));
    return this.submit({ ...submission, folder: join(folder, 'undisturbed') });
  }

  /** Makes a folder of this user anywhere, which is gone after the test. */
  async makeFolder(path: string): Promise<string> {
    await mkdir(outside(path), { recursive: true });
    await chown(outside(path), UIDS[this.name], UIDS[this.name]);
    if (!path.startsWith(this.folder)) this.#folders.push(path);
    return path;
  }

  /** A job that was submitted in another way. */
  adopt(id: string, outputFile: string): Job {
    const job = new Job(this, id.trim(), outputFile);
    this.jobs.push(job);
    return job;
  }

  /** Submits an array of jobs, one for each index. */
  async submitAll(submission: Submission, tasks: readonly string[]): Promise<Job[]> {
    this.#scripts += 1;
    const folder = submission.folder ?? this.folder;
    const script = await this.write(`job-${this.#scripts}.sh`, submission.script, 0o755);
    const array = tasks.length > 1;
    const output = `${folder}/out-${this.#scripts}-${array ? '%a' : '0'}.txt`;
    const argv = [
      'sbatch',
      '--parsable',
      `--output=${output}`,
      `--chdir=${folder}`,
      ...(array ? [`--array=${tasks.join(',')}`] : []),
      ...(submission.comment === undefined ? [] : [`--comment=${submission.comment}`]),
      ...(submission.options ?? []),
      script,
      ...(submission.args ?? []),
    ];
    const words = Object.entries(submission.environment ?? {}).map(([name, v]) => `${name}=${v}`);
    const id = (await this.run('env', ...words, ...argv)).trim();
    const jobs = tasks.map(
      (task) => new Job(this, array ? `${id}_${task}` : id, output.replace('%a', task)),
    );
    this.jobs.push(...jobs);
    return jobs;
  }

  /** Runs a command as this user on the controller's node. Throws when it fails. */
  async run(...argv: string[]): Promise<string> {
    const ran = await this.try(...argv);
    if (ran.status === 0) return ran.stdout;
    throw new Error(`${argv.map((word) => basename(word)).join(' ')}: ${ran.stderr || ran.status}`);
  }

  async try(...argv: string[]): Promise<Ran> {
    return this.tryOn('ctl', ...argv);
  }

  async tryOn(node: Node, ...argv: string[]): Promise<Ran> {
    const id = String(UIDS[this.name]);
    const become = [
      'setpriv',
      '--reuid',
      id,
      '--regid',
      id,
      '--init-groups',
      'env',
      '-C',
      '/',
      '-i',
    ];
    const login = [
      `HOME=/home/${this.name}`,
      `USER=${this.name}`,
      'PATH=/usr/bin:/bin',
      'LANG=C.UTF-8',
    ];
    return tryOn(node, [...become, ...login, ...argv]);
  }
}

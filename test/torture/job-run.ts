import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { on, outside, tryOn } from '../helpers/cluster.ts';
import { User } from '../helpers/user.ts';
import type { Field } from './field.ts';
import type { JobPlan } from './plan.ts';
import { filesIn, Victim } from './victim.ts';
import type { Work } from './verdict.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');

/** A planned job in its folder, submitted. */
export class JobRun {
  readonly plan: JobPlan;
  readonly victims: readonly Victim[];
  readonly #user: User;
  readonly #share: string | undefined;

  private constructor(
    plan: JobPlan,
    victims: readonly Victim[],
    user: User,
    share: string | undefined,
  ) {
    this.plan = plan;
    this.victims = victims;
    this.#user = user;
    this.#share = share;
  }

  static async start(plan: JobPlan, seed: number, field: Field): Promise<JobRun> {
    const user = new User(plan.user, `torture ${seed} job ${plan.number}`);
    await user.open();
    for (const name of await readdir(PROGRAMS)) {
      await user.write(name, await readFile(join(PROGRAMS, name), 'utf8'), 0o755);
    }
    await user.makeFolder(user.path('results'));
    const expected = await undisturbed(user, plan);
    const net = plan.user === 'alice' ? '/net' : '/net-bob';
    const name = `torture-${seed}-${plan.number}`;
    const share = plan.store === 'share' ? `/srv${net}/${name}` : undefined;
    if (share !== undefined) await mountShare(share, plan.user);
    const labels = Array.from({ length: plan.tasks }, (_, index) => String(index));
    const script = await readFile(join(PROGRAMS, 'job.sh'), 'utf8');
    const submission = {
      script,
      args: argumentsOf(plan, plan.pause),
      comment: `checkpoint=0:${String(plan.interval).padStart(2, '0')},mode=${plan.mode},keep=${plan.keep},results=${user.path('results')}`,
      ...(share === undefined ? {} : { environment: { SLURM_CHECKPOINT_DIR: `${net}/${name}` } }),
    };
    const jobs = await field.submits(async () => user.submitAll(submission, labels));
    const store = share ?? `/home/${plan.user}/.checkpointer`;
    const victims = jobs.map(
      (job, index) =>
        new Victim(
          user,
          job,
          { folder: user.folder, label: String(index), store },
          expected,
          field,
        ),
    );
    return new JobRun(plan, victims, user, share);
  }

  get wrong(): string[] {
    return this.victims.flatMap((victim) => victim.wrong);
  }

  /** Removes the job's folder, unless it is lost: then somebody wants to look at it. */
  async close(): Promise<void> {
    for (const victim of this.victims) await victim.removeKept();
    if (this.#share !== undefined) await on('ctl', 'umount', '--lazy', this.#share);
    if (this.#share !== undefined) await tryOn('ctl', ['rmdir', this.#share]);
    if (this.wrong.length === 0) await this.#user.close();
  }

  async cancel(): Promise<void> {
    await Promise.all(this.victims.map(async ({ job }) => job.cancel().catch(() => undefined)));
  }
}

const argumentsOf = (plan: JobPlan, pause: number): string[] =>
  [plan.program, plan.steps, pause, plan.megabytes, plan.status].map(String);

/** What the job does when nothing is done to it: the same script, at once and without Slurm. */
async function undisturbed(user: User, plan: JobPlan): Promise<Work> {
  const folder = await user.makeFolder(user.path('undisturbed'));
  await user.makeFolder(`${folder}/tmp`);
  for (const name of await readdir(PROGRAMS)) {
    await user.write(`undisturbed/${name}`, await readFile(join(PROGRAMS, name), 'utf8'), 0o755);
  }
  const ran = await user.try(
    ...['env', '-C', folder, `TMPDIR=${folder}/tmp`, 'bash', 'job.sh'],
    ...argumentsOf(plan, 0),
  );
  const files = new Map([
    ...(await filesIn(outside(`${folder}/data/0`), 'data')),
    ...(await filesIn(outside(`${folder}/tmp/0`), 'results')),
  ]);
  if (ran.status !== plan.status || !ran.stdout.endsWith('\nend\n')) {
    throw new Error(
      `${plan.program} does not even work undisturbed (${ran.status}): ${ran.stderr}${ran.stdout.slice(-500)}`,
    );
  }
  return { output: ran.stdout, status: ran.status, files };
}

/** A small file system on the network share, which can be filled. */
async function mountShare(folder: string, user: User['name']): Promise<void> {
  await on('ctl', 'mkdir', '-p', folder);
  const id = (await on('ctl', 'id', '-u', user)).trim();
  const options = `size=500m,mode=700,uid=${id},gid=${id}`;
  await on('ctl', 'mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder);
}

// What a job must not leave anywhere: processes, its run folder, TMPDIR and cgroups on nodes, drafts and checkpoints.
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMPUTE_NODES } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { processesOf } from './processes-seen.ts';

const LOOKS = 60;
const LOOK_MS = 500;

/**
 * @param store its folder there, from out here; the Epilog has some seconds
 * @param lost nodes where it was as power or slurmd went: there may be no Epilog; the next jobs' one removes that, later
 */
export async function leftBy(
  job: number,
  store: string,
  lost: ReadonlyMap<string, 'power' | 'slurmd'>,
): Promise<string[]> {
  for (const node of lost.keys()) await exec(node, ['rm', '-rf', `/local/checkpoint-${job}`]);
  for (let look = 1; ; look += 1) {
    const left = [...(await onNodes()).filter(isOf(job)), ...processesOf(job), ...inStore(store)];
    if (left.length === 0 || look === LOOKS) return left.map((each) => `left behind: ${each}`);
    if (look === LOOKS / 2)
      for (const [node, what] of lost)
        if (what === 'slurmd')
          await exec(node, ['rm', '-rf', `/local/checkpoint-${job}`, `/run/slurm-checkpointer/${job}`]);
  }
}

/**
 * The word that the job is over stays until Slurm has forgotten it, with what runs say of themselves that Slurm began after that
 * (its node was lost as it ended). Text that was taken out of its output is kept for its owner; so are results that could not be delivered.
 */
function inStore(store: string): string[] {
  const names = existsSync(store) ? readdirSync(store) : [];
  const stays = names.includes('ended')
    ? /^(undone|results|ended|run\.\d+\.(released|no-prolog))$/
    : /^(undone|results|run\.\d+\.released)$/;
  return names.filter((name) => !stays.test(name)).map((name) => `${store}/${name}`);
}

const isOf =
  (job: number) =>
  (found: string): boolean =>
    new RegExp(`(/run/slurm-checkpointer/|/checkpoint-|/job_)${job}$`).test(found);

let next: Promise<string[]> | undefined;

/** Of whatever jobs. One look for all who ask before it begins: it takes a process on every node. */
async function onNodes(): Promise<string[]> {
  next ??= sleep(LOOK_MS).then(async () => {
    next = undefined;
    return (await Promise.all(COMPUTE_NODES.map(on))).flat();
  });
  return next;
}

async function on(node: string): Promise<string[]> {
  const folders = "ls -d /run/slurm-checkpointer/* /local/checkpoint-*; find /sys/fs/cgroup -name 'job_*'";
  const { stdout } = await exec(node, ['sh', '-c', folders]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((each) => `${node} ${each}`);
}

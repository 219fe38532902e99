import { readFileSync } from 'node:fs';

import { allProcesses, readProc } from './proc.ts';

/** One line of /proc/PID/cgroup: a hierarchy (controllers; empty for version 2) and the group's path in it (cgroups(7)). */
export type Membership = { readonly controllers: string; readonly path: string };

export function membershipsOf(pid: number | 'self'): Membership[] {
  return parseMemberships(readProc(`${pid}/cgroup`) ?? '');
}

export function parseMemberships(text: string): Membership[] {
  return text
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, controllers = '', path = '']) => ({ controllers, path }));
}

type Mount = {
  readonly controllers: readonly string[];
  readonly root: string;
  readonly point: string;
};

/** The cgroup hierarchies of a mountinfo text (proc_pid_mountinfo(5)); those of version 2 have no controllers. */
export function cgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = left.split(' ');
    const [type, , superOptions = ''] = right.split(' ');
    if (type === 'cgroup2') return [{ controllers: [], root, point }];
    if (type === 'cgroup') return [{ controllers: superOptions.split(','), root, point }];
    return [];
  });
}

/** The folder of a membership's group, seen through the mounts; undefined when its hierarchy isn't mounted here. */
export function folderOf(membership: Membership, mounts: readonly Mount[]): string | undefined {
  const wanted = membership.controllers === '' ? [] : membership.controllers.split(',');
  const mount = mounts.find(({ controllers }) =>
    wanted.length === 0
      ? controllers.length === 0
      : wanted.every((controller) => controllers.includes(controller)),
  );
  if (!mount) return undefined;
  const root = mount.root === '/' ? '' : mount.root;
  // A mount may show only a part of its hierarchy, as in a container.
  if (!`${membership.path}/`.startsWith(`${root}/`)) return undefined;
  const inside = membership.path.slice(root.length);
  return `${mount.point}${inside === '/' ? '' : inside}`;
}

/**
 * The cgroup.procs files through which a process gets into every group that `pid` is in. Paths are never built: Slurm names
 * them differently per version and cgroup plugin, 26.05 by SLUID instead of job id.
 */
export function groupsToJoin(pid: number): string[] {
  const mounts = cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const own = membershipsOf('self');
  return membershipsOf(pid)
    .filter(
      (theirs) =>
        !own.some((mine) => mine.controllers === theirs.controllers && mine.path === theirs.path),
    )
    .map((membership) => folderOf(membership, mounts))
    .filter((folder) => folder !== undefined)
    .map((folder) => `${folder}/cgroup.procs`);
}

/**
 * Whether the groups that a process is in are frozen (`scontrol suspend`). CRIU hangs on a frozen tree, and ending it
 * then kills the job.
 */
export function isFrozen(pid: number): boolean {
  const mounts = cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return membershipsOf(pid).some((membership) => {
    const folder = folderOf(membership, mounts);
    if (folder === undefined) return false;
    if (membership.controllers.split(',').includes('freezer')) {
      return /^(FROZEN|FREEZING)/.test(readIfThere(`${folder}/freezer.state`));
    }
    // cgroup.events says `frozen 1` for groups below a frozen one, too.
    return (
      membership.controllers === '' && /^frozen 1$/m.test(readIfThere(`${folder}/cgroup.events`))
    );
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Whether any process of a job of Slurm's, or a slurmstepd of its, is on this node (proctrack/cgroup). */
export const jobHasProcesses = (jobId: number): boolean =>
  allProcesses().some(({ pid }) =>
    membershipsOf(pid).some(({ path }) => `${path}/`.includes(`/job_${jobId}/`)),
  );

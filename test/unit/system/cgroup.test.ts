import { describe, expect, test } from 'vitest';

import { cgroupMounts, folderOf, parseMemberships } from '../../../lib/system/cgroup.ts';

const V2 = {
  cgroup: '0::/system.slice/node1_slurmstepd.scope/job_42/step_batch/user/task_0\n',
  mountinfo: `24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`,
};

const V1 = {
  cgroup: `12:freezer:/slurm/uid_1000/job_42/step_batch
5:cpu,cpuacct:/slurm/uid_1000/job_42/step_batch/task_0
3:rdma:/
1:name=systemd:/system.slice/slurmd.service
`,
  mountinfo: `30 24 0:26 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup rw,xattr,name=systemd
33 24 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct
34 24 0:30 / /sys/fs/cgroup/freezer rw,nosuid shared:12 - cgroup cgroup rw,freezer
`,
};

const HYBRID = {
  cgroup: `${V1.cgroup}0::/system.slice/slurmd.service\n`,
  mountinfo: `${V1.mountinfo}31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate\n`,
};

const foldersOf = ({ cgroup, mountinfo }: typeof V2): (string | undefined)[] => {
  const mounts = cgroupMounts(mountinfo);
  return parseMemberships(cgroup).map((membership) => folderOf(membership, mounts));
};

describe('the groups of a process lie in', () => {
  test('the one hierarchy of version 2', () => {
    expect(foldersOf(V2)).toEqual([
      '/sys/fs/cgroup/system.slice/node1_slurmstepd.scope/job_42/step_batch/user/task_0',
    ]);
  });

  test('the hierarchies of version 1, found by their controllers; what is not mounted has no folder', () => {
    expect(foldersOf(V1)).toEqual([
      '/sys/fs/cgroup/freezer/slurm/uid_1000/job_42/step_batch',
      '/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1000/job_42/step_batch/task_0',
      undefined,
      '/sys/fs/cgroup/systemd/system.slice/slurmd.service',
    ]);
  });

  test('both, side by side', () => {
    expect(foldersOf(HYBRID).at(-1)).toBe('/sys/fs/cgroup/unified/system.slice/slurmd.service');
    expect(foldersOf(HYBRID)[0]).toBe('/sys/fs/cgroup/freezer/slurm/uid_1000/job_42/step_batch');
  });

  test('nothing where there are none', () => {
    expect(foldersOf({ cgroup: '', mountinfo: '' })).toEqual([]);
    expect(foldersOf({ ...V2, mountinfo: V1.mountinfo })).toEqual([undefined]);
  });
});

describe('through a mount that shows only a part, the group', () => {
  const mounts = cgroupMounts('35 24 0:30 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');

  test.each([
    ['at its root is the mount itself', '/docker/x', '/sys/fs/cgroup'],
    ['below it is found', '/docker/x/job_42', '/sys/fs/cgroup/job_42'],
    ['beside it has no folder', '/docker/xyz/job_42', undefined],
    ['above it has no folder', '/', undefined],
  ])('%s', (_claim, path, folder) => {
    expect(folderOf({ controllers: '', path }, mounts)).toBe(folder);
  });
});

test('the root group lies at the mount, without a slash at its end', () => {
  expect(folderOf({ controllers: '', path: '/' }, cgroupMounts(V2.mountinfo))).toBe(
    '/sys/fs/cgroup',
  );
});

test('a path may hold colons and blanks', () => {
  expect(parseMemberships('0::/a:b c/d\n')).toEqual([{ controllers: '', path: '/a:b c/d' }]);
});

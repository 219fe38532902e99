import { expect, test } from 'vitest';

import { strangeMount } from '../../../lib/agent/mounts.ts';

const ROOT = '20 1 8:1 / / rw - ext4 /dev/sda1 rw';
const USR = '21 20 8:2 / /usr rw - ext4 /dev/sda2 rw';
const PREFIX = '/opt/slurm-checkpointer/versions/1';
const HOME = '22 20 0:40 / /home rw - nfs4 server:/home rw';

test.each([
  ['the same mounts', [ROOT, USR, HOME], undefined],
  ['the same under other mount ids', ['90 1 8:1 / / rw - ext4 /dev/sda1 rw', USR, HOME], undefined],
  ['a private /tmp', [ROOT, USR, HOME, '30 20 8:1 /tmp/7 /tmp rw - ext4 /dev/sda1 rw'], undefined],
  ['a share that is not mounted', [ROOT, USR], undefined],
  ['another /usr', [ROOT, '21 20 0:99 / /usr rw - tmpfs tmpfs rw', HOME], '/usr'],
  [
    'a program of its own',
    [ROOT, USR, HOME, '31 21 8:3 /x /usr/bin/tini rw - ext4 /dev/x rw'],
    '/usr/bin/tini',
  ],
  ['another /opt', [ROOT, USR, HOME, '32 20 8:4 / /opt rw - ext4 /dev/y rw'], '/opt'],
  ['no /usr', [ROOT, HOME], '/usr'],
  ['another root', ['20 1 0:50 / / rw - overlay overlay rw', USR, HOME], '/'],
  ['nothing at all', [], '/'],
])('a job that sees %s', (_what, theirs, strange) => {
  expect(strangeMount([ROOT, USR, HOME].join('\n'), theirs.join('\n'), PREFIX)).toBe(strange);
});

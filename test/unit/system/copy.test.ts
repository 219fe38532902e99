import { expect, test } from 'vitest';
import { firstComplaint } from '../../../lib/system/copy.ts';

test.each([
  [
    'rsync: [receiver] mkstemp "/a/.b.x" failed: Permission denied (13)\nrsync error: code 23',
    'mkstemp "/a/.b.x" failed: Permission denied (13)',
  ],
  ['rsync: connection lost\n', 'connection lost'],
  ['Killed\n', undefined],
])('of %j the complaint is %j', (stderr, complaint) => {
  expect(firstComplaint(stderr)).toBe(complaint);
});

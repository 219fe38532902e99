import { expect, test } from 'vitest';

import { faultOf } from '../../../lib/agent/restore.ts';

const sound = { wrong: undefined, root: 20, criu: 10, criuAfterwards: 10 };

test('a restored tree with the rights of its user may run', () => {
  expect(faultOf(sound)).toBeUndefined();
});

test('a tree with more rights, or without processes, is the fault of its checkpoint', () => {
  expect(faultOf({ ...sound, wrong: 'uid 0' })).toBe('forged');
  expect(faultOf({ ...sound, root: undefined })).toBe('forged');
});

test('nobody is said to have changed a checkpoint when criu was killed meanwhile', () => {
  const wrong = 'process 1616 (sleep): namespaces';
  expect(faultOf({ ...sound, wrong, criuAfterwards: undefined })).toBe('criu-ended');
  expect(faultOf({ ...sound, wrong, criuAfterwards: 12 })).toBe('criu-ended');
  expect(faultOf({ wrong, root: undefined, criu: undefined, criuAfterwards: undefined })).toBe(
    'criu-ended',
  );
});

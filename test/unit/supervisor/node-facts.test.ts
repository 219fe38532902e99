import { expect, test } from 'vitest';

import { misfit } from '../../../lib/supervisor/node-facts.ts';

const NODE = { kernel: '6.12.38+deb13-amd64', criu: '4.1.1', cpuFlags: 'fpu sse2 avx2' };

test.each([
  ['its like', NODE],
  ['a newer kernel', { ...NODE, kernel: '7.0.1' }],
  ['a newer criu', { ...NODE, criu: '4.2' }],
  ['an older patch of the same', { ...NODE, kernel: '6.12.1', criu: '4.1' }],
  ['a processor that can do more', { ...NODE, cpuFlags: 'avx2 avx512f fpu sse2' }],
])('a tree that was saved on a node runs on one with %s', (_, here) => {
  expect(misfit(NODE, here)).toBeUndefined();
});

test.each([
  ['an older kernel', { ...NODE, kernel: '6.9.12' }, 'its kernel 6.9.12 is older than 6.12.38'],
  ['an older criu', { ...NODE, criu: '3.19' }, 'its criu 3.19 is older than 4.1.1'],
  ['no criu', { ...NODE, criu: '' }, 'criu cannot be run'],
  ['a lesser processor', { ...NODE, cpuFlags: 'fpu sse2' }, 'its processor lacks avx2'],
])('it does not run on one with %s, which is said', (_, here, why) => {
  expect(misfit(NODE, here)).toContain(why);
});

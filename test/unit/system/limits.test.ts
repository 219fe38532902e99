import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseLimits } from '../../../lib/system/limits.ts';

test('limits are those of the process, each of them', () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            3600                 seconds
Max open files            1024                 20000                files
Max nice priority         0                    0
`;
  expect(parseLimits(text)).toEqual(['--cpu=unlimited:3600', '--nofile=1024:20000', '--nice=0:0']);
  expect(parseLimits(readFileSync('/proc/self/limits', 'utf8'))).toHaveLength(16);
});

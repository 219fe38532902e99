import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { onOurMounts } from '../../../lib/run/stdio.ts';

test.each(['/dev/null', import.meta.filename, '/proc/self/status'])(
  '%s, on a mount of ours, stays as it is',
  (file) => {
    const fd = openSync(file, 'r');
    expect(onOurMounts(fd)).toBe(fd);
    closeSync(fd);
    expect(onOurMounts(fd)).toBe(fd); // and so does what can't be looked at
  },
);

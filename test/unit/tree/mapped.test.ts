import { expect, test } from 'vitest';
import { sharedForWriting } from '../../../lib/tree/mapped.ts';

test('only a mapping that is shared and written to changes a file', () => {
  const maps = `7f0000000000-7f0000001000 rw-s 00000000 fe:01 77   /local/a b
7f0000001000-7f0000002000 rw-p 00000000 fe:01 78   /local/private
7f0000002000-7f0000003000 r--s 00000000 fe:01 79   /local/read
7f0000003000-7f0000004000 rw-s 00000000 00:01 80
`;
  expect(sharedForWriting(maps)).toEqual(['/local/a b']);
});

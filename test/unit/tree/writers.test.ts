import { expect, test } from 'vitest';
import { mappingsIn, parseInfo, writersIn } from '../../../lib/tree/writers.ts';

test.each([
  ['0100000', undefined], // O_RDONLY | O_LARGEFILE
  ['012000000', undefined], // O_PATH | O_CLOEXEC
  ['0100001', { appends: false, reads: false, position: 12 }],
  ['0102001', { appends: true, reads: false, position: 12 }],
  ['02100002', { appends: false, reads: true, position: 12 }],
])('of a descriptor with the flags %s: %o', (flags, expected) => {
  expect(parseInfo(`pos:\t12\nflags:\t${flags}\nmnt_id:\t30\nino:\t77\n`)).toEqual(expected);
});

test('mappings are those that are shared, writable, and of files', () => {
  const maps = [
    '7f0000000000-7f0000001000 rw-s 00000000 08:01 1234                       /data/a  b\\012c',
    '7f0000001000-7f0000002000 rw-p 00000000 08:01 1235                       /data/private',
    '7f0000002000-7f0000003000 r--s 00000000 08:01 1236                       /data/read',
    '7f0000003000-7f0000004000 rw-s 00000000 00:0e 1237                       anon_inode:[io_uring]',
    '7f0000004000-7f0000005000 rw-p 00000000 00:00 0 ',
  ];
  expect(mappingsIn(maps.join('\n'))).toEqual([{ path: '/data/a  b\nc', by: { inode: 1234n } }]);
});

test('a tree that has ended writes nothing', () => {
  expect(writersIn(2 ** 30)).toEqual([]);
});

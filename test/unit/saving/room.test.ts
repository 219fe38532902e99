import { expect, test } from 'vitest';
import { objectionToRoom } from '../../../lib/saving/room.ts';

const GIB = 1024 ** 3;

test('there is room where it fits', () => {
  expect(objectionToRoom({ needed: GIB, free: GIB, used: 0, limit: Infinity })).toBeUndefined();
  expect(objectionToRoom({ needed: GIB, free: 9 * GIB, used: 2 * GIB, limit: 3 * GIB })).toBeUndefined();
});

test('what is too large for the file system, or for the site’s limit, is told in numbers', () => {
  expect(objectionToRoom({ needed: 64 * GIB, free: GIB / 2, used: 0, limit: Infinity })).toBe(
    'it takes 64 GiB or more, and 512 MiB are free where checkpoints are kept',
  );
  expect(objectionToRoom({ needed: GIB, free: 9 * GIB, used: 2 * GIB + 1, limit: 3 * GIB })).toMatch(
    /of the 3\.0 GiB that this site allows each user for checkpoints 2\.0 GiB are taken/,
  );
});

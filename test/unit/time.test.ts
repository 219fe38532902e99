import { describe, expect, test } from 'vitest';

import { describeBytes, describeSeconds, parseSlurmTime } from '../../lib/time.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a time in a format of sbatch', () => {
  test.each([
    ['a bare number counts minutes', '45', 45 * MINUTE],
    ['a bare zero is no time at all', '0', 0],
    ['two numbers are minutes and seconds', '45:30', 45 * MINUTE + 30],
    ['three numbers are hours, minutes and seconds', '1:02:03', HOUR + 2 * MINUTE + 3],
    ['a number after days counts hours', '1-12', DAY + 12 * HOUR],
    ['two numbers after days are hours and minutes', '2-03:04', 2 * DAY + 3 * HOUR + 4 * MINUTE],
    ['three numbers after days are all of a clock', '1-02:03:04', DAY + 2 * HOUR + 3 * MINUTE + 4],
    ['no days count as none', '0-0:45', 45 * MINUTE],
    ['leading zeros change nothing', '00:00:30', 30],
    ['a part may be larger than its clock shows', '0:90', 90],
  ])('%s: %s', (_claim, text, seconds) => {
    expect(parseSlurmTime(text)).toBe(seconds);
  });

  test.each([
    '',
    ' ',
    'abc',
    '1h',
    '45 ',
    ' 45',
    '45\n',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    ':30',
    '30:',
    '1::2',
    '1:2:3:4',
    '1-',
    '-1-2',
    '1-2-3',
    '1-2:3:4:5',
    '1 - 2',
    'UNLIMITED',
    'infinite',
    '٣',
    '9'.repeat(400),
    '123456-0',
  ])('%j is none', (text) => {
    expect(parseSlurmTime(text)).toBeUndefined();
  });
});

test.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min'],
  [61, '1 min 1 s'],
  [45 * MINUTE, '45 min'],
  [2 * HOUR, '2 h'],
  [2 * HOUR + 5 * MINUTE + 59, '2 h 5 min'],
  [3 * DAY, '3 d'],
  [3 * DAY + 4 * HOUR + 59 * MINUTE, '3 d 4 h'],
])('%s seconds are said as "%s"', (seconds, words) => {
  expect(describeSeconds(seconds)).toBe(words);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1.5 * 1024 ** 2, '1.5 MiB'],
  [64 * 1024 ** 3, '64.0 GiB'],
  [5000 * 1024 ** 4, '5000.0 TiB'],
])('%s bytes are said as "%s"', (bytes, words) => {
  expect(describeBytes(bytes)).toBe(words);
});

import { expect, test } from 'vitest';
import { draftOf, listed, nextNumber, sweptOf, tellsOfEarlier } from '../../../lib/store/names.ts';

test('a listing is told apart by names alone', () => {
  const names = [
    '10',
    '9',
    '8.bad',
    '11.2.partial',
    '3.partial',
    'ended.1.partial',
    'run.10',
    'run.9.released',
    'run.2.tmp.a-b',
    'beat.10.b',
    'run.11.no-prolog',
  ];
  expect(listed([...names, 'results', 'undone', 'lost+found', '.nfs0001'])).toEqual({
    claims: [
      { run: 9, released: true },
      { run: 10, released: false },
    ],
    generations: [9, 10],
    bad: [8],
    partials: ['11.2.partial', '3.partial', 'ended.1.partial'],
    traces: [
      { run: 2, name: 'run.2.tmp.a-b' },
      { run: 10, name: 'beat.10.b' },
      { run: 11, name: 'run.11.no-prolog' },
    ],
    ended: false,
  });
  expect(listed(['ended']).ended).toBe(true);
});

test('a number is never given twice, not even that of a damaged checkpoint or of an older version’s draft', () => {
  expect(nextNumber(listed([]))).toBe(1);
  expect(nextNumber(listed(['2', '10']))).toBe(11);
  expect(nextNumber(listed(['2', '3.bad']))).toBe(4);
  expect(nextNumber(listed(['2', '5.0.partial', 'ended.7.partial']))).toBe(6);
});

test('a draft that is being swept away is one that still has to go, and keeps its name', () => {
  const swept = sweptOf(draftOf(4, 1));
  expect(listed([swept]).partials).toEqual([swept]);
  expect(sweptOf(swept)).toBe(swept);
});

test.each([
  [['results', 'undone'], false],
  [['1.0.partial'], false],
  [['run.1.no-prolog'], false],
  [['run.0'], true],
  [['run.0.released'], true],
  [['1'], true],
  [['1.bad'], true],
  [['ended'], true],
])('%j: earlier runs were protected: %s', (names, tells) => {
  expect(tellsOfEarlier(listed(names))).toBe(tells);
});

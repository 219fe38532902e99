import { expect, test } from 'vitest';
import { differs } from '../../violent/differs.ts';

test('a text that is as expected differs in nothing', () => {
  expect(differs('it', 'a\nb\n', 'a\nb\n')).toBeUndefined();
});

test('the first line that is another is named, with what was expected', () => {
  expect(differs('it', 'a\nx\nc', 'a\nb\nc')).toBe('it has "x" in line 2, and not "b"');
});

test('so is an end that comes too early, and one that comes too late', () => {
  expect(differs('it', 'a', 'a\nb')).toBe('it has the end in line 2, and not "b"');
  expect(differs('it', 'a\nb', 'a')).toBe('it has "b" in line 2, and not the end');
});

test('a file that is not there is missing, even where an empty one was expected', () => {
  expect(differs('it', undefined, '')).toBe('it is missing');
});

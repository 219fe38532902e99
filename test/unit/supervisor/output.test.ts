import { expect, test } from 'vitest';
import { sayer } from '../../../lib/supervisor/output.ts';

test('a sentence of several lines becomes one', () => {
  const lines: string[] = [];
  sayer(1, (line) => lines.push(line))('CRIU said:\n  one\n  two');
  expect(lines).toEqual(['CRIU said: one two']);
});

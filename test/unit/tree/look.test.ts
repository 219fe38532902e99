import { expect, test } from 'vitest';
import { sentence } from '../../../lib/tree/look.ts';

const obstacle = (pid: number, what: string) => ({ process: { pid, name: 'a' }, what, remedy: 'mend it' });

test('all obstacles are in one sentence, what processes have in common once', () => {
  const lost = { what: 'there is a queue', remedy: 'remove it' };
  expect(sentence([lost, obstacle(1, 'uses x'), obstacle(2, 'uses y'), obstacle(3, 'uses x')])).toBe(
    'there is a queue (remove it); process 1 (a) uses x (mend it), and likewise 1 more; process 2 (a) uses y (mend it)',
  );
});

test('of very many the first are named, and how many more there are', () => {
  const many = Array.from({ length: 11 }, (_, at) => obstacle(at, `uses ${at}`));
  expect(sentence(many)).toMatch(/uses 7 \(mend it\); and 3 more$/);
});

test('no obstacles, no sentence', () => {
  expect(sentence([])).toBeUndefined();
});

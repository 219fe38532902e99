import { expect, test } from 'vitest';
import { nextTry } from '../../../lib/supervisor/elsewhere.ts';

test('the first try excludes this node besides what the owner has excluded', () => {
  expect(nextTry(undefined, '', 'n1')).toEqual({ nodes: ['n1'], owners: '', ours: 'n1' });
  expect(nextTry(undefined, 'n[7-8]', 'n1')).toEqual({ nodes: ['n1'], owners: 'n[7-8]', ours: 'n[7-8],n1' });
});

test('the next one excludes both nodes, and still knows what is the owner’s', () => {
  const first = nextTry(undefined, 'n9', 'n1');
  expect(nextTry(first, first.ours, 'n2')).toEqual({ nodes: ['n1', 'n2'], owners: 'n9', ours: 'n9,n1,n2' });
});

test('what was changed meanwhile is what its owner wants', () => {
  const first = nextTry(undefined, 'n9', 'n1');
  expect(nextTry(first, 'n5', 'n2')).toEqual({ nodes: ['n1', 'n2'], owners: 'n5', ours: 'n5,n1,n2' });
});

test('a node that Slurm did not exclude, and that comes again, counts again', () => {
  const first = nextTry(undefined, '', 'n1');
  expect(nextTry(first, '', 'n1')).toEqual({ nodes: ['n1', 'n1'], owners: '', ours: 'n1' });
});

test('a job that ran again starts to count anew, and its owner’s exclusions are not forgotten', () => {
  const settled = { ...nextTry(undefined, 'n9', 'n1'), nodes: [] };
  expect(nextTry(settled, settled.ours, 'n2')).toEqual({ nodes: ['n2'], owners: 'n9', ours: 'n9,n2' });
});

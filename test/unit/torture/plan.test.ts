import { expect, test } from 'vitest';
import { planOf, type Wish } from '../../torture/plan.ts';

const wish: Wish = { jobs: 30, faults: 60, seed: 7, mode: 'requeue', only: [] };

test('the same seed makes the same plan, another one another', () => {
  expect(planOf(wish)).toEqual(planOf({ ...wish }));
  expect(planOf({ ...wish, seed: 8 })).not.toEqual(planOf(wish));
});

test('every fault is for one of the jobs, while it is at work', () => {
  const { jobs, faults } = planOf(wish);
  for (const { job, step } of faults) expect(step).toBeLessThan(jobs[job - 1]!.work.steps);
});

test('a store is done harm to only where no other job’s checkpoints lie in it', () => {
  const { jobs, faults } = planOf({ ...wish, only: ['fill-store', 'hide-store'] });
  for (const { name, job } of faults) expect(name === 'requeue').toBe(!jobs[job - 1]!.ownStore);
});

test('no other faults are done than those asked for', () => {
  const { faults } = planOf({ ...wish, only: ['kill-agent'] });
  expect(new Set(faults.map(({ name }) => name))).toEqual(new Set(['kill-agent']));
});

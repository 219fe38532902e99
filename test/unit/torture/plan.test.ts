import { describe, expect, test } from 'vitest';

import { FAULT_KINDS, KINDS, plan, workOf } from '../../torture/plan.ts';

const WISH = { jobs: 50, faults: 100, seed: 7, only: FAULT_KINDS };
const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

describe('the plan of the torture', () => {
  test('is the same for the same seed', () => {
    expect(plan(WISH)).toEqual(plan({ ...WISH }));
  });

  test('is another for another seed', () => {
    expect(plan(WISH)).not.toEqual(plan({ ...WISH, seed: 8 }));
  });

  test('stays what it is from version to version of Node', () => {
    const { jobs, faults } = plan({ ...WISH, jobs: 2, faults: 2 });
    expect(JSON.stringify({ jobs, faults })).toMatchInlineSnapshot(
      `"{"jobs":[{"number":1,"program":"sinks.py","user":"alice","mode":"snapshot","keep":3,"interval":13,"steps":120,"pause":0.3,"megabytes":0,"status":0,"tasks":1,"store":"site"},{"number":2,"program":"sinks.py","user":"bob","mode":"snapshot","keep":1,"interval":10,"steps":109,"pause":0.3,"megabytes":0,"status":42,"tasks":1,"store":"share"}],"faults":[{"number":1,"kind":"supervisor killed","job":1,"task":0,"at":9,"lasts":0},{"number":2,"kind":"supervisor killed","job":2,"task":0,"at":15,"lasts":0}]}"`,
    );
  });

  test('has as many jobs and faults as were asked for', () => {
    const { jobs, faults } = plan(WISH);
    expect(jobs.map(({ number }) => number)).toEqual(jobs.map((_, index) => index + 1));
    expect([jobs.length, faults.length]).toEqual([50, 100]);
  });

  test('does nothing to a job that has ended, or that it does not suit', () => {
    for (const seed of SEEDS) {
      const { jobs, faults } = plan({ ...WISH, seed });
      for (const { kind, job, task, at, lasts } of faults) {
        const victim = jobs[job - 1];
        if (!victim) throw new Error(`there is no job ${job}`);
        expect(KINDS[kind].suits(victim)).toBe(true);
        expect(task).toBeLessThan(victim.tasks);
        expect(at).toBeLessThan(workOf(victim));
        if (kind.startsWith('store')) expect(at + lasts).toBeLessThan(workOf(victim));
      }
    }
  });

  test('holds every kind of fault', () => {
    const seen = new Set(
      SEEDS.flatMap((seed) => plan({ ...WISH, seed }).faults).map((f) => f.kind),
    );
    expect(FAULT_KINDS.filter((kind) => seen.has(kind))).toEqual(FAULT_KINDS);
  });

  test('holds only those that are asked for', () => {
    const { faults } = plan({ ...WISH, only: ['node without network'] });
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['node without network']));
  });
});

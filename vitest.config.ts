import { defineConfig } from 'vitest/config';

import LongestFirst from './test/longest-first.ts';

const MINUTE = 60_000;

const onTheCluster = {
  globalSetup: 'test/cluster/setup.ts',
  testTimeout: 10 * MINUTE,
  hookTimeout: 15 * MINUTE,
};

export default defineConfig({
  test: {
    passWithNoTests: true,
    reporters: ['default', './test/reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: MINUTE, // on a machine that is busy with other things
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...onTheCluster,
          name: 'cluster',
          include: [
            'test/cluster/*.test.ts',
            'test/cluster/faults/*.test.ts',
            'test/cluster/security/*.test.ts',
          ],
          pool: 'forks',
          // A worker takes one file at a time and mostly waits for Slurm: so more workers than cores. But where sixteen jobs at a time leave
          // two cores no rest, more of them are saved and moved over and over while nobody has the time to look at them.
          maxWorkers: 4,
          maxConcurrency: 4,
          runner: './test/concurrent-runner.ts',
          sequence: { groupOrder: 1 }, // after the unit tests
        },
      },
      {
        test: {
          ...onTheCluster,
          // Changes what all jobs of the cluster meet: one test at a time, when the others are done.
          name: 'cluster-alone',
          include: ['test/cluster/alone/*.test.ts'],
          setupFiles: 'test/helpers/whole-cluster.ts',
          pool: 'forks',
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

import type { JobNow } from '../../lib/slurm/control.ts';

/** A job that runs as any other, but for what is said here. */
export const jobNow = (more: Partial<JobNow> = {}): JobNow => ({
  name: '7',
  states: ['RUNNING'],
  restarts: 1,
  mayRequeue: true,
  endsAt: undefined,
  timeLimitSeconds: undefined,
  comment: '',
  excludedNodes: '',
  requiredNodes: '',
  features: '',
  partition: 'main',
  ...more,
});

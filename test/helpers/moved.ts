import { expect } from 'vitest';

import type { Job } from './job.ts';

export const completed = { state: 'COMPLETED', exitCode: '0:0' };

/** Waits for the end of a job that is to be moved so many times, over both nodes, and must not show it. */
export async function movedAndCompleted(job: Job, times = 1): Promise<void> {
  await job.movedAround(times);
  expect(await job.ended()).toMatchObject(completed);
}

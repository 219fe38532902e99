import { expect, test } from 'vitest';
import { parseStates } from '../../../lib/slurm/squeue.ts';

test('states are read by id, whatever stands around them', () => {
  const text = '12 RUNNING\n 13 CANCELLED\n\nslurm_load_jobs error: x\n14 COMPLETED by 5\n';
  expect([...parseStates(text)]).toEqual([
    [12, 'RUNNING'],
    [13, 'CANCELLED'],
    [14, 'COMPLETED'],
  ]);
});

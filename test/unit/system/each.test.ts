import { expect, test } from 'vitest';
import { NodeError } from '../../../lib/errors.ts';
import { each } from '../../../lib/system/each.ts';

const failing = (errors: readonly Error[]) =>
  each(errors, async (error) => {
    throw error;
  });

test('several failures are the node’s if each of them is', async () => {
  await expect(failing([new NodeError('a'), new NodeError('b')])).rejects.toBeInstanceOf(NodeError);
  const mixed = failing([new NodeError('a'), new Error('b')]);
  await expect(mixed).rejects.toThrow('a; b');
  await expect(mixed).rejects.not.toBeInstanceOf(NodeError);
});

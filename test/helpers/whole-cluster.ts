import { beforeEach } from 'vitest';

import { cluster } from './cluster.ts';

// What a test that failed has left of a cluster that it took apart is not the next one's: that would wait for nodes that never come back.
beforeEach(async () => {
  await cluster('up');
});

import { expect } from 'vitest';

import type { Manifest } from '../../../lib/store/manifest.ts';
import { completed } from '../../helpers/moved.ts';
import { PEER } from '../../helpers/peer.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';

const TAKE = JSON.stringify({ kind: 'take-slot', patienceMs: 30_000 });

test("a user whose jobs sit on all writers' places of a node does not keep another user's from its checkpoints", async ({
  alice,
  bob,
}) => {
  await alice.write('peer.pl', PEER);
  await alice.write('requests', `${TAKE}\n`);
  const [first, second] = await Promise.all(
    [1, 2].map(async () => {
      const job = await alice.submit({
        script: `#!/bin/bash\nperl peer.pl requests\n${waitFor('finish')}\n`,
        comment: 'checkpoint=1:00:00',
        options: ['--nodelist=n1'],
      });
      expect(await job.says('answer')).toContain('{"kind":"answer","answer":{"taken":true}}');
      return job;
    }),
  );
  const other = await bob.submit({
    script: `#!/bin/bash\n${waitFor('finish')}\n`,
    comment: 'checkpoint=0:30,mode=snapshot',
    options: ['--nodelist=n1'],
  });
  await other.says('Waiting for other jobs of this node to finish their checkpoints');
  await other.says('Dump done');
  // What it has waited is no reason to refuse a last checkpoint for want of time.
  const manifest = await bob.run('cat', `/home/bob/.checkpointer/${other.name}/1/manifest.json`);
  const { cost } = JSON.parse(manifest) as Manifest;
  expect(cost.wholeMs).toBeLessThan(cost.waitedMs);
  for (const user of [alice, bob]) await user.touch('finish');
  for (const job of [first, second, other]) expect(await job?.ended()).toMatchObject(completed);
});

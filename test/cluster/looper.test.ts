import { readFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { test } from '../helpers/test.ts';
import type { User } from '../helpers/user.ts';

const fixture = async (name: string): Promise<string> =>
  readFile(new URL(`../fixtures/looper/${name}`, import.meta.url), 'utf8');

/** What differs between nodes and between two runs of the same program: node, pids, TMPDIR. */
const alike = (text: string): string =>
  text
    .replaceAll(/node:\S+/g, 'node:N')
    .replaceAll(/pid:\d+/g, 'pid:P')
    .replaceAll(/^writing to .*\//gm, 'writing to ');

/** As the documentation says: looper.py beside runscript.sh, the result folder in the environment, one hour. */
async function documentedJob(user: User, looper: string) {
  await user.write('looper.py', await fixture(looper), 0o755);
  return {
    script: await fixture('runscript.sh'),
    environment: { RESULT_FOLDER: user.folder },
    options: ['-t', '0-1:00'],
  };
}

for (const looper of ['looper.py', 'looper-open.py']) {
  test(`the documented runscript.sh with ${looper} counts to 100 on several nodes as on one`, async ({
    alice,
    bob,
  }) => {
    const job = await alice.submit(await documentedJob(alice, looper));
    // Without options, and with what the suite would have given it.
    await bob.write('looper.py', await fixture(looper), 0o755);
    const undisturbed = await bob.submit({
      script: '#!/bin/bash\n./looper.py\n',
      environment: { TMPDIR: bob.folder },
    });

    await job.restored(3);
    const { state, exitCode, restarts } = await job.ended();
    expect({ state, exitCode }).toEqual({ state: 'COMPLETED', exitCode: '0:0' });
    expect(restarts).toBeGreaterThanOrEqual(3);
    expect(new Set(await job.nodes())).toEqual(new Set(['n1', 'n2']));
    await undisturbed.ended();

    const output = await job.ownOutput();
    const result = await alice.read('looper.txt');
    expect(alike(output)).toBe(alike(await undisturbed.ownOutput()));
    expect(alike(result)).toBe(alike(await bob.read('looper.txt')));
    expect(output).toContain(result);
    const processes = new Set([...result.matchAll(/pid:\d+ {2}parent-pid:\d+/g)].map(String));
    expect(processes.size).toBe(1);
    expect(new Set([...result.matchAll(/node:\S+/g)].map(String)).size).toBeGreaterThan(1);
  });
}

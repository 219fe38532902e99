import { once } from 'node:events';

import { execa } from 'execa';

import { startDaemon } from '../../helpers/cluster.ts';
import { test } from '../../helpers/test.ts';
import { Witness } from '../../helpers/witness.ts';

// A checkpoint is due much more often than the clock jumps: a test that waits for it as long as that has failed long before.
const JUMP_SECONDS = 15 * 60;

/**
 * Sets this machine's clock, and back again when it is disposed of. The shell that does it reads the pipe from us to its end, so the
 * clock is right again even if the tests are killed.
 */
async function clockAhead(seconds: number): Promise<AsyncDisposable> {
  const jump = (by: number): string =>
    `now=$(date +%s.%N); date --set="@$((\${now%.*} + ${by})).\${now#*.}"`;
  const shell = execa('sh', ['-ec', `${jump(seconds)}; cat; ${jump(-seconds)}`], {
    stdin: 'pipe',
    stdout: 'pipe',
  });
  await once(shell.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      shell.stdin.end();
      await shell;
    },
  };
}

test.skipIf(process.env['CHECKPOINTER_SET_CLOCK'] !== '1')(
  'a jump of the wall clock, forward or back, delays no checkpoint and loses nothing',
  async ({ alice }) => {
    const start = async (name: string): Promise<Witness> =>
      Witness.start(alice, name, 'checkpoint=0:05,mode=snapshot', { options: ['--time=4:00:00'] });
    const both = await Promise.all([start('ahead'), start('behind')]);
    const [ahead, behind] = both;
    let checkpoints = 0;
    const saved = async (): Promise<void> => {
      checkpoints += 2;
      await Promise.all(both.map(async (witness) => witness.checkpointed(checkpoints)));
      await Promise.all(both.map(async (witness) => witness.counts()));
    };
    // Not while the clock is behind: Slurm has noted by the right one from when on a job may run.
    const moved = async ({ job }: Witness): Promise<void> => {
      await alice.run('scontrol', 'requeue', job.name);
      await job.restored(1);
    };
    await saved();
    {
      await using _ = await clockAhead(JUMP_SECONDS);
      await saved();
      await moved(ahead);
      await saved();
    }
    // Its scheduler waits until the clock has caught up with what it last did.
    await startDaemon('ctl');
    await saved();
    {
      await using _ = await clockAhead(-JUMP_SECONDS);
      await saved();
    }
    await moved(behind);
    await saved();
    await Promise.all(both.map(async (witness) => witness.finish()));
  },
);

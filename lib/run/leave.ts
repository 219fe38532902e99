// Slurm sees how the process ended that it watches: it has to end as the script did.
import { setTimeout as sleep } from 'node:timers/promises';
import { constants } from 'node:os';
import type { Ending } from '../job.ts';
import { run } from '../system/exec.ts';

/** slurmstepd notices at once; what can't end this process by now never will. */
const DEATH_MS = 1000;

export async function leave(ending: Ending): Promise<never> {
  if ('exitCode' in ending) process.exit(ending.exitCode);
  await dieOf(ending.signal);
  process.exit(128 + ending.signal);
}

async function dieOf(signal: number): Promise<void> {
  await run(['prlimit', '--pid', String(process.pid), '--core=0'], { deadlineSeconds: 10 }); // the script's, not ours
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  if (name !== undefined && name !== 'SIGKILL' && name !== 'SIGSTOP') {
    process.on(name, () => {}); // Node ignores some signals, and takes others for itself: as it was only after this
    process.removeAllListeners(name);
  }
  process.kill(process.pid, signal);
  await sleep(DEATH_MS);
}

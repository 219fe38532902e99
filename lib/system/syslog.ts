// Syslog, through util-linux's logger: Node opens no socket of that kind.
import { spawnSync } from 'node:child_process';
import { PATH } from './exec.ts';

const DEADLINE_MS = 2000;

/** Waits for logger, for we may be about to end. A syslog that isn't there, or doesn't listen, changes nothing. */
export function tellSyslog(job: number, sentence: string): void {
  const line = `job ${job}: ${sentence.replaceAll(/\p{C}/gu, ' ')}`; // a user's file name is in some
  spawnSync('logger', ['--tag', 'slurm-checkpointer', '--priority', 'daemon.err', '--', line], {
    stdio: 'ignore',
    env: { PATH },
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
}

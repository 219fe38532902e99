import { reasonOf } from './errors.ts';
import { syslog } from './system/syslog.ts';

/**
 * Runs a hook's or a daemon's body. Trouble of ours goes to syslog and never becomes a hook's failure by accident: a Prolog or
 * Epilog that fails drains its node. Only a body that returns a status of its own decides otherwise, and the supervisor, whose status is
 * the job's.
 */
export async function runHook(
  name: string,
  body: () => Promise<number | void>,
  statusOnFault = 0,
): Promise<void> {
  let status = statusOnFault;
  try {
    status = (await body()) ?? 0;
  } catch (error) {
    await syslog('err', `${name} of job ${process.env['SLURM_JOB_ID'] ?? '?'}: ${reasonOf(error)}`);
  }
  process.exit(status);
}

/** Ends this process as the job's script ended: by its status, or by the signal that ended it. */
export function endAs(end: { readonly exitCode: number } | { readonly signal: number }): void {
  if ('exitCode' in end) process.exit(end.exitCode);
  process.removeAllListeners();
  process.kill(process.pid, end.signal);
  // A signal that does not end a process by itself has ended the script all the same.
  setTimeout(() => process.exit(128 + end.signal), 200);
}

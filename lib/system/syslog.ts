import { run } from './run.ts';

/** One line for the admin. A syslog that cannot be reached is no reason for a job to fail. */
export async function syslog(
  level: 'info' | 'warning' | 'err',
  text: string,
  path = '/usr/sbin:/usr/bin:/sbin:/bin',
): Promise<void> {
  const line = text.replaceAll(/\p{C}/gu, ' ').slice(0, 900);
  await run(
    ['logger', '--tag', 'slurm-checkpointer', '--priority', `daemon.${level}`, '--', line],
    {
      deadlineMs: 5000,
      path,
    },
  );
}

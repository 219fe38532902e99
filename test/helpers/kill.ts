import { tryOn, type Node } from './cluster.ts';

export type Part = 'agent' | 'supervisor' | 'criu' | 'Epilog';

/**
 * Kills a job's agent, supervisor, Epilog, or criu and what it has restored, on a node, or sends it other signals, each when it has taken the one
 * before: one that stops takes a SIGCONT along that is still pending (signal(7)). Returns whether there was any.
 * @param id of the job as Slurm's own, also of an array's task
 */
export async function killPart(
  part: Part,
  id: string,
  node: Node,
  signals: readonly ('KILL' | 'CONT' | 'TSTP')[] = ['KILL'],
): Promise<boolean> {
  const line = {
    agent: `*/lib/agent.js*`,
    Epilog: `*/lib/epilog.js*`,
    supervisor: `*/supervisor.js*/job*0${id}/slurm_script*`,
    // By whatever path it was started; what started it only has it among its words.
    criu: `criu restore*/${id}/*|*/criu restore*/${id}/*`,
  }[part];
  const mine = part === 'agent' || part === 'Epilog' ? `SLURM_JOB_ID=${id}` : '';
  const ran = await tryOn(node, [
    'bash',
    '-c',
    // Its own words are among those that are looked for.
    `for process in /proc/[0-9]*; do
  [ "$process" != "/proc/$$" ] || continue
  case $(tr '\\0' ' ' < $process/cmdline 2>/dev/null) in ${line.replaceAll(' ', '\\ ')}) ;; *) continue ;; esac
  [ -z "${mine}" ] || grep -qzx "${mine}" $process/environ || continue
  for signal in ${signals.join(' ')}; do
    kill -$signal "\${process#/proc/}" && found=yes
    while grep -qs '^ShdPnd:.*[1-9a-f]' $process/status; do sleep 0.02; done
  done
done
[ -n "$found" ]`,
  ]);
  return ran.status === 0;
}

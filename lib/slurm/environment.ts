import { isUtf8 } from 'node:buffer';

import type { Job } from '../job.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The job as the Prolog's environment describes it (prep_script_slurmd.c:_build_env); SLURM_JOB_USER needs 22.05. Throws. */
export function jobOfProlog(environment: Environment): Job {
  const number = (name: string): number => {
    const text = environment[name] ?? '';
    if (!/^\d{1,10}$/.test(text)) throw new Error(`${name} is "${text}", but must be a number`);
    return Number(text);
  };
  return {
    id: number('SLURM_JOB_ID'),
    uid: number('SLURM_JOB_UID'),
    gid: number('SLURM_JOB_GID'),
    userName: environment['SLURM_JOB_USER'] ?? '',
    nodeName: environment['SLURMD_NODENAME'] ?? '',
    restarts: Number(environment['SLURM_JOB_RESTART_COUNT'] ?? 0),
    startedAt: Number(environment['SLURM_JOB_START_TIME']) || undefined,
    comment: environment['SLURM_JOB_COMMENT'] ?? '',
    slurmConf: environment['SLURM_CONF'] ?? '',
  };
}

/** The environment that Slurm gave the script. */
export type ScriptEnvironment = {
  readonly variables: Readonly<Record<string, string>>;
  /** Words for sh that set what is no UTF-8, and would not survive Node: to be run before the script. */
  readonly rawExports: Buffer | undefined;
};

/** An environment as the kernel shows it in /proc/PID/environ, kept by libexec/batch-task before Node got its own. */
export function parseEnvironment(bytes: Buffer): ScriptEnvironment {
  const variables: Record<string, string> = {};
  const raw: string[] = [];
  for (const entry of bytes.toString('latin1').split('\0')) {
    const equals = entry.indexOf('=');
    if (equals < 0) continue;
    const name = entry.slice(0, equals);
    const value = Buffer.from(entry.slice(equals + 1), 'latin1');
    variables[name] = value.toString('utf8');
    if (isUtf8(value) || !/^\w+$/.test(name)) continue;
    raw.push(`export ${name}='${value.toString('latin1').replaceAll("'", `'\\''`)}'\n`);
  }
  return {
    variables,
    rawExports: raw.length === 0 ? undefined : Buffer.from(raw.join(''), 'latin1'),
  };
}

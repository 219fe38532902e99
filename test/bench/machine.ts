// What the numbers were measured on.
import os from 'node:os';
import { exec } from '../cluster/node.ts';

export async function machine() {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    slurm: await versionOf('sinfo'),
    criu: await versionOf('criu'),
    node: await versionOf('/opt/slurm-checkpointer/bin/node'),
    date: new Date().toISOString(),
  };
}

/** The first version that its --version names. */
async function versionOf(program: string): Promise<string> {
  const { stdout } = await exec('n1', [program, '--version']);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown';
}

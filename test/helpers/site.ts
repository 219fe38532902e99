import { readFile, writeFile } from 'node:fs/promises';

import { onTestFinished } from 'vitest';

import { on, outside, WORKERS } from './cluster.ts';
import { until } from './queue.ts';

const INI = outside('/etc/slurm-checkpointer/checkpointer.ini');

/** Puts lines into the site's configuration until the test has ended, or what it returns is called. One file is there for all nodes. */
export async function configure(lines: string): Promise<() => Promise<void>> {
  const before = await readFile(INI, 'utf8');
  await writeFile(INI, `${before}\n${lines}\n`);
  const undo = async (): Promise<void> => {
    await writeFile(INI, before);
    await readAnew();
  };
  onTestFinished(undo);
  return undo;
}

/** As install.sh does it: the next job's Prolog reads the configuration anew. */
async function readAnew(): Promise<void> {
  for (const node of WORKERS) await on(node, 'rm', '-f', '/run/slurm-checkpointer/site');
}

const SLURM_CONF = outside('/etc/slurm/checkpointer.conf');

/** Puts a line into slurm.conf until the test has ended. For tests that run alone: every slurmd starts anew. */
export async function configureSlurm(line: string): Promise<void> {
  const before = await readFile(SLURM_CONF, 'utf8');
  const takeUp = async (text: string): Promise<void> => {
    const starts = await Promise.all(WORKERS.map(startsOf));
    await writeFile(SLURM_CONF, text);
    await on('ctl', 'scontrol', 'reconfigure');
    await readAnew();
    await until(async () => {
      const now = await Promise.all(WORKERS.map(startsOf));
      return now.every((times, index) => times > (starts[index] ?? 0));
    });
    await until(async () => /^(?:n[12] idle\n){2}$/.test(await nodeStates()));
  };
  onTestFinished(async () => takeUp(before));
  await takeUp(`${before}\n${line}\n`);
}

/** How often its slurmd has been started so far, which a reconfiguration does, too. */
const startsOf = async (node: (typeof WORKERS)[number]): Promise<number> =>
  (await readFile(outside('/var/log/slurm/slurmd.log', node), 'latin1')).split('slurmd started on')
    .length;

/** A line for each worker: its name and its state. */
export const nodeStates = async (): Promise<string> =>
  on('ctl', 'sinfo', '-h', '-N', '-p', 'main', '-o', '%N %T');

// What happens to nodes: they lose their power, are booted, or are cut off, and come back; and to the agents on them.
import { NODES } from '../cluster/layout.ts';
import { exec, turnOn } from '../cluster/node.ts';
import { until } from './slurm.ts';

/** Of a node that was turned off. @param uptime seconds since it booted; as always: its own of the layout, as if it never had */
export async function isBack(name: string, uptime?: number): Promise<void> {
  const node = NODES.find((each) => each.name === name);
  if (!node) throw new Error(`no node ${name}`);
  turnOn({ ...node, ...(uptime !== undefined && { uptime }) });
  await takesJobs(name);
}

export async function takesJobs(name: string): Promise<void> {
  await untilTrue(`${name} takes jobs`, async () => {
    const { stdout } = await exec('ctl', ['sinfo', '-h', '-N', '-n', name, '-o', '%T']);
    return /^(idle|mixed|allocated)$/m.test(stdout);
  });
}

/** Without it there is no last call. */
export const killAgent = async (node: string, job: number): Promise<unknown> =>
  exec(node, ['sh', '-c', `kill -9 $(cat /run/slurm-checkpointer/${job}/pid)`]);

/** As until(), of what has to be asked for. */
export async function untilTrue(what: string, ask: () => Promise<boolean>): Promise<void> {
  let holds = false;
  const look = async (): Promise<unknown> => (holds = await ask().catch(() => false));
  const asking = setInterval(() => void look(), 1000); // so not at once: Slurm does not know yet that it is gone
  await until(what, () => holds).finally(() => clearInterval(asking));
}

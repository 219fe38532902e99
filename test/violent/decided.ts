// What a site has decided, for a scenario.
import { exec, mustExec } from '../cluster/node.ts';

const INI = '/etc/slurm-checkpointer/checkpoint.ini';

/** A line more in checkpoint.ini, until the end of the scope, or the loss of the node. */
export async function decided(nodes: readonly string[], line: string): Promise<AsyncDisposable> {
  const add = 'cp "$1" /run/site.ini && echo "$2" >> /run/site.ini && mount --bind /run/site.ini "$1"';
  await Promise.all(nodes.map(async (node) => mustExec(node, 'sh', '-c', add, 'sh', INI, line)));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map(async (node) => exec(node, ['umount', INI]).catch(() => {})));
    },
  };
}

import { runHook } from '../lib/hook.ts';
import { prepareNode } from '../lib/agent/node.ts';

// Only when the node has started or its configuration has changed; the guard, prolog.sh, does the rest.
await runHook('Prolog', async () => prepareNode(process.env['SLURMD_NODENAME'] ?? ''));

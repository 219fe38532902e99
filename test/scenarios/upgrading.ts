// A new version goes in under jobs that start and end: Slurm drains a node whose Prolog isn't there.
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { scenario } from './scenario.ts';

const UPGRADE_TEN_TIMES = `
cd /usr/src/slurm-checkpointer && ./install.sh --prefix "$1" > /dev/null
until [ -e "$1/over" ]; do
  [ -x "$1/hooks/prolog" ] && [ -x "$1/hooks/epilog" ] && [ -f "$1/dist/agent.js" ] || echo missing
done &
for _ in 1 2 3 4 5 6 7 8 9 10; do ./install.sh --prefix "$1" > /dev/null; done
touch "$1/over"
wait
rm -r "$1"`;

scenario('an upgrade leaves no moment without hooks', async () => {
  const { status, stdout, stderr } = await exec('ctl', ['sh', '-c', UPGRADE_TEN_TIMES, 'upgrade', '/opt/upgrading']);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

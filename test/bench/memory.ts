import { setTimeout as sleep } from 'node:timers/promises';

import { on, type Node } from '../helpers/cluster.ts';
import type { Lab } from './lab.ts';
import { megabytes, type Row } from './table.ts';

const SCRIPT = '#!/bin/bash\necho runs\nsleep 600\n';
const SETTLED_MS = 6000;
const AIM = '≤ 16 MB';

/** What supervisor and agent hold for themselves while they wait: in a first run, and after a restore. */
export async function benchMemory(lab: Lab): Promise<Row[]> {
  const id = await lab.submit(SCRIPT, '--comment=checkpoint=0:20');
  await lab.says(id, /^runs$/m);
  await sleep(SETTLED_MS);
  const first = await rows(lab, id, 'first run');
  await lab.says(id, /Checkpoint restore finished/);
  await sleep(SETTLED_MS);
  const restored = await rows(lab, id, 'after a restore');
  await lab.cancel(id);
  return [...first, ...restored];
}

async function rows(lab: Lab, id: string, when: string): Promise<Row[]> {
  const node = [...(await lab.read(`${id}.out`)).matchAll(/SLURMD_NODENAME: (\S+)/g)].at(-1)?.[1];
  const of = async (daemon: string): Promise<Row> => {
    const { all, written } = await privateMemory(node as Node, `/lib/${daemon}.js`);
    return {
      what: `private memory of the ${daemon}, ${when}`,
      value: megabytes(all),
      aim: AIM,
      how: `${megabytes(written)} of it written, the rest pages of files that nobody else has mapped just then`,
    };
  };
  return [await of('supervisor'), await of('agent')];
}

async function privateMemory(node: Node, name: string): Promise<{ all: number; written: number }> {
  const [pid = ''] = (await on(node, 'pgrep', '--full', name)).trim().split('\n');
  const rollup = await on(node, 'cat', `/proc/${pid}/smaps_rollup`);
  const of = (field: string): number =>
    Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(rollup)?.[1]) * 1024;
  return { all: of('Private_Clean') + of('Private_Dirty'), written: of('Private_Dirty') };
}

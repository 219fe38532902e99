// npm run -s bench [NAME...]: what the suite costs, in numbers, on the test cluster of this machine. Nothing passes or fails.
import { cluster, tryOn } from '../helpers/cluster.ts';
import { benchCommit } from './commit.ts';
import { benchHooks } from './hooks.ts';
import { Lab } from './lab.ts';
import { benchMemory } from './memory.ts';
import { benchMove } from './move.ts';
import { benchStartUp } from './start-up.ts';
import { table, type Row } from './table.ts';

const PARTS = {
  hooks: benchHooks,
  'start-up': benchStartUp,
  memory: benchMemory,
  commit: benchCommit,
  move: benchMove,
} satisfies Record<string, (lab: Lab) => Promise<Row[]>>;

const known = Object.keys(PARTS) as (keyof typeof PARTS)[];
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(known as string[]).includes(name));
if (unknown !== undefined) {
  console.error(`There is no part "${unknown}"; there are ${known.join(', ')}`);
  process.exit(2);
}

const wasUp = (await tryOn('ctl', ['true'])).status === 0;
await cluster('up');
await cluster('install');
const lab = new Lab();
await lab.open();
try {
  const rows: Row[] = [];
  for (const name of known.filter((each) => asked.length === 0 || asked.includes(each))) {
    console.error(`bench: ${name} ...`);
    rows.push(...(await PARTS[name](lab)));
  }
  console.log(table(rows));
} finally {
  await lab.close();
  if (!wasUp) await cluster('down');
}

// npm run -s bench [PART...]: what the suite costs, in numbers, on the test cluster of this machine. Nothing passes or fails.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { down, install, up } from '../cluster/cluster.ts';
import { Place } from '../scenarios/place.ts';
import { benchCommit } from './commit.ts';
import { benchHooks } from './hooks.ts';
import { machine } from './machine.ts';
import { benchMemory } from './memory.ts';
import { benchMove } from './move.ts';
import { benchSnapshot } from './snapshot.ts';
import { benchStartUp } from './start-up.ts';
import { table, type Row } from './table.ts';

const REPORT = path.join(import.meta.dirname, '../../reports/bench.json');
const PARTS = new Map<string, (place: Place) => Promise<Row[]>>([
  ['hooks', benchHooks],
  ['start-up', benchStartUp],
  ['memory', benchMemory],
  ['commit', benchCommit],
  ['move', benchMove],
  ['snapshot', benchSnapshot],
]);

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !PARTS.has(name));
if (unknown !== undefined) {
  console.error(
    `bench: there is no part "${unknown}": expected some of ${[...PARTS.keys()].join(', ')}, or nothing for all`,
  );
  process.exit(2);
}

await up('real');
try {
  await install();
  const place = new Place('bench');
  const parts = new Map<string, Row[]>();
  for (const [part, measure] of PARTS) {
    if (asked.length > 0 && !asked.includes(part)) continue;
    console.error(`bench: ${part} ...`);
    parts.set(part, await measure(place));
  }
  const report = { machine: await machine(), ...Object.fromEntries(parts) };
  mkdirSync(path.dirname(REPORT), { recursive: true });
  writeFileSync(REPORT, `${JSON.stringify(report, undefined, 2)}\n`);
  const facts = Object.entries(report.machine).map(([name, fact]) => `${name} ${fact}`);
  console.log(`${table([...parts.values()].flat())}\n\n${facts.join(', ')}`);
} finally {
  await down();
}
process.exit(0); // the scenarios' look at Slurm's jobs never ends by itself

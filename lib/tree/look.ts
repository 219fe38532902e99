// The look before the dump, as the user.
import { messages } from '../messages.ts';
import { linkOf } from '../system/proc.ts';
import { obstaclesIn, systemVObstacles, type Obstacle } from './obstacles.ts';
import { readProcesses } from './processes.ts';
import { readTcp, readUnix } from './sockets.ts';
import { readSystemV } from './system-v.ts';

/** All that stands in the way of a dump; undefined when nothing does. */
export async function lookFor(root: number): Promise<string | undefined> {
  const { processes, systemV } = await look(root);
  const [tcp, unix] = [readTcp(root), await readUnix()];
  return sentence(obstaclesIn({ processes, systemV, ipcNamespace: linkOf('/proc/self/ns/ipc') ?? '', tcp, unix }));
}

/** While the dumped tree stands: what it made since the look, and CRIU lost without a word. */
export async function lookForLost(root: number): Promise<string | undefined> {
  return sentence(systemVObstacles(await look(root)));
}

async function look(root: number) {
  const processes = readProcesses(root);
  const tree = new Set(processes.map(({ pid }) => pid));
  return { processes, systemV: await readSystemV(processes[0]?.uids[0] ?? -1, tree) };
}

/** What several processes have in common is said once. */
export function sentence(obstacles: readonly Obstacle[]): string | undefined {
  const alike = new Map<string, Obstacle[]>();
  for (const obstacle of obstacles) {
    const text = `${obstacle.what} (${obstacle.remedy})`;
    alike.set(text, [...(alike.get(text) ?? []), obstacle]);
  }
  const findings = [...alike].map(([text, those]) => ({ text, process: those[0]?.process, others: those.length - 1 }));
  return findings.length === 0 ? undefined : messages.inTheWay(findings);
}

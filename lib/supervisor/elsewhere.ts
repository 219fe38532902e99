import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as v from 'valibot';

import type { JobNow } from '../slurm/control.ts';
import { readJson } from '../store/durable.ts';
import { syslog } from '../system/syslog.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

/** Nodes that a job could not be restored on since it last ran, and the exclusions that its owner had asked for. */
const Tries = v.object({ nodes: v.array(v.string()), excludedByOwner: v.string() });
type Tries = v.InferOutput<typeof Tries>;

const triesFile = (run: Run): string => join(run.store.path, 'tries.json');

/** Undefined when there are none. Throws when that cannot be known. */
const readTries = async (run: Run): Promise<Tries | undefined> => readJson(triesFile(run), Tries);

/** Returns whether it is counted. */
async function countTry(run: Run, tries: Tries): Promise<boolean> {
  try {
    await writeFile(triesFile(run), JSON.stringify(tries), { mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/**
 * Requeues a job that this node cannot restore, without this node. False when it has been tried often enough, or Slurm
 * does not want to.
 */
export async function tryElsewhere(run: Run, reason: string): Promise<boolean> {
  const now = await run.controller.job();
  if (!now?.mayRequeue) return false;
  const before = await readTries(run).catch(() => 'unreadable' as const);
  // What is not counted could go on for ever.
  if (before === 'unreadable') return false;
  const { nodes: tried, excludedByOwner } = before ?? {
    nodes: [],
    excludedByOwner: now.excludedNodes,
  };
  if (tried.length >= run.config.restore_tries) return false;
  // One that Slurm would not exclude stands there twice.
  const nodes = [...tried, run.nodeName];
  if (!(await run.controller.hasNodeBesides(now, [excludedByOwner, ...nodes]))) {
    say(`There is no other node for it${asked(now)}`);
    return false;
  }
  if (!(await countTry(run, { nodes, excludedByOwner }))) return false;
  say(
    `${reason}. Trying another node (${nodes.length} of ${run.config.restore_tries}); Requeueing ... ${now.name}`,
  );
  await syslog('warning', `job ${run.jobId}: ${reason}; trying another node`, run.config.path);
  if (!(await run.controller.requeue(now.name)).ok) return false;
  const excluded = [excludedByOwner, ...new Set(nodes)].filter((each) => each !== '').join(',');
  const answer = await run.controller.exclude(now.name, excluded);
  if (!answer.ok)
    await syslog(
      'warning',
      `job ${run.jobId}: ${run.nodeName} could not be excluded: ${answer.reason}`,
    );
  return true;
}

/** What its owner has asked for that leaves it no other node, and how to take that back. */
function asked({ name, requiredNodes, features }: JobNow): string {
  if (requiredNodes !== '')
    return `: it asks for --nodelist=${requiredNodes} (any node: scontrol update jobid=${name} reqnodelist=)`;
  if (features !== '')
    return `: it asks for --constraint=${features} (any node: scontrol update jobid=${name} features=)`;
  return '';
}

/** A job that runs again may use all nodes at its next move. Only a pending job's exclusions can be changed. */
export async function backToAllNodes(run: Run, name: string): Promise<void> {
  // The tree has ended already: no fault may come between. What cannot be read now is found at the next move.
  const tries = await readTries(run).catch(() => undefined);
  if (!tries) return;
  await run.controller.exclude(name, tries.excludedByOwner);
  await rm(triesFile(run), { force: true }).catch(() => undefined);
}

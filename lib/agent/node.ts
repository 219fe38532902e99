import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { readConfig } from '../config.ts';
import { reasonOf, Refusal } from '../errors.ts';
import { runFolder, RUN_ROOT, SITE_FILE } from '../layout.ts';
import { membershipsOf } from '../system/cgroup.ts';
import { syslog } from '../system/syslog.ts';
import { prepareScratchRoot } from './scratch.ts';

/** Compiles the site's configuration into the few words that the shell guards read, and makes the node's folders. */
export async function prepareNode(nodeName: string): Promise<void> {
  mkdirSync(RUN_ROOT, { recursive: true, mode: 0o711 });
  chmodSync(RUN_ROOT, 0o711);
  let problem = '';
  let spool = '';
  try {
    refuseInJob();
    const config = readConfig();
    spool = config.slurmd_spool.replaceAll('%n', nodeName).replaceAll('%h', nodeName);
    for (const folder of [config.scratch, config.staging]) {
      if (folder === 'none') continue;
      prepareScratchRoot(folder);
      await removeEmptyFolders(folder);
    }
  } catch (error) {
    problem = reasonOf(error);
    await syslog('err', `${problem}; until this is mended, jobs on this node run unprotected`);
  }
  const words = { spool, problem };
  const lines = Object.entries(words).map(([name, value]) => `${name}=${quoted(value)}\n`);
  // The first jobs of a node come many at once, and each Prolog finds that there is no file yet.
  const ours = `${SITE_FILE}.${process.pid}`;
  writeFileSync(ours, lines.join(''), { mode: 0o644 });
  chmodSync(ours, 0o644);
  renameSync(ours, SITE_FILE);
}

/** The agent would be one of the job's processes: counted among them, and ended with them. Throws Refusal. */
function refuseInJob(): void {
  if (!membershipsOf('self').some(({ path }) => /\/job_\w+(?:\/|$)/.test(path))) return;
  throw new Refusal(
    'PrologFlags in slurm.conf has RunInJob, with which nobody can look after a job from outside: take it out, then touch /etc/slurm-checkpointer/checkpointer.ini on this node',
  );
}

/** A word for sh that holds any text. */
const quoted = (text: string): string =>
  `'${text.replaceAll(/\p{C}/gu, ' ').replaceAll("'", `'\\''`)}'`;

/**
 * Empty folders of jobs that were on this node when it lost its power; one with contents may hold somebody's results. A job that is here
 * now has a run folder, made before any other of its folders.
 */
async function removeEmptyFolders(root: string): Promise<void> {
  for (const name of readdirSync(root)) {
    if (!/^\d+$/.test(name) || existsSync(runFolder(Number(name)).path)) continue;
    await rmdir(join(root, name)).catch(() => undefined);
  }
}

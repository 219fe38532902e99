import { appendFileSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { on, outside, tryOn, WORKERS } from './cluster.ts';
import { UIDS } from './user.ts';

/** Lengths of the logs before the tests: what came after is the tests' doing. */
export type Before = ReadonlyMap<string, number>;

const LOGS = [
  ...WORKERS.flatMap((node) => [
    { node, path: `/var/log/slurm/slurmd.log` },
    { node, path: `/var/log/slurm/syslog` },
  ]),
  { node: 'ctl', path: '/var/log/slurm/slurmctld.log' } as const,
];

export async function noteBefore(): Promise<Before> {
  await rm(outside(ALLOWED_FILE), { force: true });
  return new Map(
    await Promise.all(
      LOGS.map(async ({ node, path }) => {
        const file = outside(path, node);
        return [file, (await readLog(file)).length] as const;
      }),
    ),
  );
}

const STEPD_PATIENCE_MS = 60_000;

/**
 * A slurmstepd that could not tell the controller of its step's end, as with a network that was cut, keeps the step's cgroup until it tries
 * again, 15 s later.
 */
async function stepsOver(): Promise<void> {
  const deadline = performance.now() + STEPD_PATIENCE_MS;
  for (const node of WORKERS) {
    while ((await tryOn(node, ['pgrep', '-x', 'slurmstepd'])).status === 0) {
      if (performance.now() > deadline) return;
      await sleep(500);
    }
  }
}

/** Everything of ours that is still somewhere now that all jobs have ended: empty when all is well. */
export async function findLeftovers(before: Before): Promise<string[]> {
  await stepsOver();
  // First and alone, or it would find what looks for the others.
  const processes = await Promise.all(
    WORKERS.map(async (node) =>
      atNode(node, 'process', 'ps', '-eo', 'pid=,user:9=,args=', (line) =>
        /^\d+ +(?:alice|bob) |slurm-checkpointer|\bcriu\b|\btini\b/.test(line),
      ),
    ),
  );
  const found = await Promise.all([
    ...WORKERS.flatMap((node) => [
      atNode(node, 'mount', 'cat', '/proc/mounts', (line) => line.includes('slurm-checkpointer')),
      atNode(node, 'cgroup', 'find', '/sys/fs/cgroup', '-type', 'd', (line) => /\/job_/.test(line)),
      atNode(
        node,
        'run folder',
        ...['find', '/run/slurm-checkpointer', '-mindepth', '1'],
        (line) => !/\/(?:site|swept|writers)$/.test(line),
      ),
      atNode(node, 'scratch', 'ls', '-A', '/var/tmp/slurm-checkpointer', (line) => line !== ''),
    ]),
    drained(),
    ...Object.keys(UIDS).map(checkpoints),
    ...LOGS.map(async ({ node, path }) => complaints(outside(path, node), before)),
  ]);
  return [...processes, ...found].flat();
}

async function atNode(
  node: (typeof WORKERS)[number],
  what: string,
  ...question: [...argv: string[], isOurs: (line: string) => boolean]
): Promise<string[]> {
  const isOurs = question.at(-1) as (line: string) => boolean;
  const { stdout } = await tryOn(node, question.slice(0, -1) as string[]);
  const lines = stdout.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && isOurs(line))
    .map((line) => `${what} on ${node}: ${line}`);
}

async function drained(): Promise<string[]> {
  const states = await on('ctl', 'sinfo', '-h', '-N', '-p', 'main', '-o', '%N %T %E');
  return states
    .split('\n')
    .filter((line) => line !== '' && !/^\S+ idle /.test(line))
    .map((line) => `node ${line}`);
}

async function checkpoints(user: string): Promise<string[]> {
  const folder = outside(`/home/${user}/.checkpointer`);
  const names = await readdir(folder).catch(() => []);
  // What was cut off from files is kept for days, and how a job has ended for minutes.
  const kept = names.filter((name) => /^\d+\.(?:cut-\d+|over)$/.test(name));
  await Promise.all(kept.map(async (name) => rm(`${folder}/${name}`, { recursive: true })));
  return names
    .filter((name) => !kept.includes(name))
    .map((name) => `in the store of ${user}: ${name}`);
}

const ALLOWED_FILE = '/shared/tests/.provoked';

/** Lines of logs that a test provokes on purpose. */
export function allowComplaints(pattern: RegExp): void {
  appendFileSync(outside(ALLOWED_FILE), `${pattern.source}\n`);
}

async function allowedComplaints(): Promise<RegExp[]> {
  const lines = (await readLog(outside(ALLOWED_FILE))).split('\n');
  return lines.filter((line) => line !== '').map((line) => new RegExp(line));
}

/** Of a controller that is away, which no hook can help: slurmd tries again. */
const CONTROLLER_AWAY = /Unable to send epilog complete message/;

async function complaints(file: string, before: Before): Promise<string[]> {
  const allowed = await allowedComplaints();
  const news = (await readLog(file)).slice(before.get(file) ?? 0);
  const about = file.endsWith('/syslog')
    ? /daemon\.err|slurm-checkpointer: .*(?:Prolog|Epilog|agent|supervisor) of job/
    : /prolog|epilog|slurm-checkpointer|Kill task failed|drain/i;
  return news
    .split('\n')
    .filter((line) => about.test(line) && (file.endsWith('/syslog') || /error|drain/i.test(line)))
    .filter((line) => ![CONTROLLER_AWAY, ...allowed].some((expected) => expected.test(line)))
    .map((line) => `${file}: ${line}`);
}

async function readLog(file: string): Promise<string> {
  return readFile(file, 'latin1').catch(() => '');
}

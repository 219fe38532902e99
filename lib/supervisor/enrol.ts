import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat, access, constants } from 'node:fs/promises';
import { userInfo } from 'node:os';

import { Agent } from '../agent/client.ts';
import { readConfig, type SiteConfig } from '../config.ts';
import { OptionError, reasonOf } from '../errors.ts';
import { runFolder } from '../layout.ts';
import { readOptions, type JobOptions } from '../options.ts';
import { Controller } from '../slurm/control.ts';
import { parseEnvironment } from '../slurm/environment.ts';
import { exportedInScript, putScriptBack } from '../slurm/spool.ts';
import { JobStore, storeFolder } from '../store/job-store.ts';
import { syslog } from '../system/syslog.ts';
import { describeSeconds, steadyNow } from '../time.ts';
import { Events } from './events.ts';
import type { Run } from './run.ts';
import { say } from './say.ts';

const AGENT_PATIENCE_MS = 15_000;

/** Options of a job that turns out to have asked for nothing: its script only looked as if. */
const NOTHING_ASKED: JobOptions = {
  intervalSeconds: undefined,
  resultFolder: undefined,
  keep: 1,
  mode: 'requeue',
  storeFolder: undefined,
};

/** Puts the job's own script back, finds the agent, reads what the job's owner asked for. Throws OptionError for what cannot be. */
export async function enrol(argv: readonly string[]): Promise<Run> {
  const [script = '', ...args] = argv;
  const jobId = Number(process.env['SLURM_JOB_ID']);
  const folder = runFolder(jobId);
  // Else what we would start is ourselves.
  if (!putScriptBack(script))
    throw new Error(`${script} does not begin with the stub that started this`);
  const environment = parseEnvironment(readFileSync(folder.environ));
  const config = readConfig();
  const { agent, welcome } = await findAgent(folder.socket, jobId, config);
  const controller = new Controller(jobId, { path: config.path, slurmConf: welcome.slurmConf });
  const options =
    readOptions(
      {
        comment: welcome.comment ?? (await controller.job())?.comment ?? '',
        environment: environment.variables,
        script: exportedInScript(readFileSync(script, 'utf8'), environment.variables),
      },
      { intervalSeconds: config.interval, keep: config.keep, mode: config.mode },
    ) ?? NOTHING_ASKED;
  await checkResultFolder(options.resultFolder);
  const store = new JobStore(
    storeFolder(config.store, options.storeFolder, userInfo().username),
    jobId,
    { restarts: welcome.restarts, cluster: environment.variables['SLURM_CLUSTER_NAME'] ?? '' },
  );
  return {
    jobId,
    nodeName: process.env['SLURMD_NODENAME'] ?? '',
    restarts: welcome.restarts,
    token: randomUUID(),
    startedAt: steadyNow(),
    config,
    options,
    agent,
    controller,
    store,
    events: new Events(),
    folder,
    ...(await foldersOf(agent, options, store, config, environment.variables['TMPDIR'])),
    stagingFailed: false,
    intervalSeconds: firstInterval(options, config),
    argv: [script, ...args],
    environment,
    openFiles: process.env['CHECKPOINTER_NOFILE'] ?? '1024',
  };
}

async function findAgent(
  socket: string,
  jobId: number,
  config: SiteConfig,
): Promise<{ agent: Agent; welcome: { comment?: string; restarts: number; slurmConf: string } }> {
  try {
    const agent = await Agent.connect(socket, AGENT_PATIENCE_MS);
    return { agent, welcome: await agent.ask({ kind: 'hello', supervisor: process.pid }) };
  } catch (error) {
    say(
      `The job runs without checkpoints: ${reasonOf(error)}; ask the admin to look into syslog on this node`,
    );
    await syslog('err', `job ${jobId} runs without checkpoints: ${reasonOf(error)}`, config.path);
    const restarts = Number(process.env['SLURM_RESTART_COUNT'] ?? 0);
    return { agent: Agent.absent(), welcome: { restarts, slurmConf: '' } };
  }
}

async function checkResultFolder(folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  const expected = 'must be an existing folder that every node of the job can reach';
  try {
    if (!(await stat(folder)).isDirectory())
      throw new OptionError(`RESULT_FOLDER is "${folder}", but ${expected}`);
  } catch (error) {
    if (error instanceof OptionError) throw error;
    throw new OptionError(`RESULT_FOLDER is "${folder}" (${reasonOf(error)}), but ${expected}`, {
      cause: error,
    });
  }
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    say(
      `Warning: RESULT_FOLDER ${folder} cannot be written now; make it writable before the job ends`,
    );
  }
}

/** Until a checkpoint's cost is known, the shortest that the site allows: it is then known soonest. */
const firstInterval = (options: JobOptions, config: SiteConfig): number | undefined =>
  options.intervalSeconds === 'auto' ? config.auto_interval_min : options.intervalSeconds;

/** The job's own folders on this node, which the agent makes. */
async function foldersOf(
  agent: Agent,
  options: JobOptions,
  store: JobStore,
  config: SiteConfig,
  given: string | undefined,
): Promise<Pick<Run, 'scratch' | 'staging'>> {
  if (agent.gone) return { scratch: await ownTmpdir(given, config), staging: undefined };
  const { scratch, staging } = await agent.ask({
    kind: 'register',
    resultFolder: options.resultFolder ?? null,
    store: options.intervalSeconds === undefined ? null : store.path,
  });
  return { scratch: scratch ?? (await ownTmpdir(given, config)), staging: staging ?? undefined };
}

/** The TMPDIR that the site gave the job, if nobody else can have anything in it. */
async function ownTmpdir(
  given: string | undefined,
  config: SiteConfig,
): Promise<string | undefined> {
  if (given === undefined || !config.local_folders.some((local) => given.startsWith(`${local}/`))) {
    return undefined;
  }
  try {
    const folder = await stat(given);
    return folder.isDirectory() && folder.uid === process.getuid?.() ? given : undefined;
  } catch {
    return undefined;
  }
}

export function announce(run: Run): void {
  say(`SLURM_RESTART_COUNT: ${run.restarts}`);
  say(`SLURMD_NODENAME: ${run.nodeName}`);
}

/** Warns of what leaves no room for checkpoints. Asks the controller, so it is for when the script runs already. */
export async function warnOfSubmission(run: Run): Promise<void> {
  const { intervalSeconds } = run;
  if (intervalSeconds === undefined) return;
  const now = await run.controller.job();
  const limit = now?.timeLimitSeconds;
  if (limit !== undefined && intervalSeconds >= limit) {
    say(
      `Warning: the checkpoint interval (${describeSeconds(intervalSeconds)}) is not smaller than the time limit (${describeSeconds(limit)}): the last checkpoint will be taken shortly before the limit`,
    );
  }
  if (now && !now.mayRequeue) {
    say(
      'Warning: the job may not be requeued (--no-requeue, or JobRequeue=0 at this site), so it cannot go on elsewhere; submit it with --requeue',
    );
  }
}

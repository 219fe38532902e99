import type { Agent } from '../agent/client.ts';
import type { SiteConfig } from '../config.ts';
import type { runFolder } from '../layout.ts';
import type { JobOptions } from '../options.ts';
import type { Controller } from '../slurm/control.ts';
import type { ScriptEnvironment } from '../slurm/environment.ts';
import type { JobStore } from '../store/job-store.ts';
import type { Events } from './events.ts';

/** One run of a job on this node, with all that its story needs. */
export type Run = {
  readonly jobId: number;
  readonly nodeName: string;
  readonly restarts: number;
  /** Tells it from another run of the same number (store/lease.ts). */
  readonly token: string;
  readonly startedAt: number;
  readonly config: SiteConfig;
  readonly options: JobOptions;
  readonly agent: Agent;
  readonly controller: Controller;
  readonly store: JobStore;
  readonly events: Events;
  readonly folder: ReturnType<typeof runFolder>;
  /** The job's TMPDIR, if it has one of its own. */
  readonly scratch: string | undefined;
  /** Fast folder of this node, where a tree that is to run on is copied to first. */
  readonly staging: string | undefined;
  /** The last try that went there failed, perhaps because it was full: the next goes to the store. */
  stagingFailed: boolean;
  /** Seconds between two checkpoints now; undefined: none are taken. */
  intervalSeconds: number | undefined;
  /** Slurm's copy of the script, and its arguments. */
  readonly argv: readonly [script: string, ...args: string[]];
  readonly environment: ScriptEnvironment;
  readonly openFiles: string;
};

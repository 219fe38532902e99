// Of one checkpoint.
import type { Agent } from '../agent/client.ts';
import type { Job, JobOptions } from '../job.ts';
import type { Lease } from '../lease/lease.ts';
import type { Vigil } from '../lease/vigil.ts';
import type { RunFolder } from '../run-folder.ts';
import type { Say } from '../run/output.ts';
import type { Signals } from '../run/signals.ts';
import type { Store } from '../store/store.ts';
import type { Pace } from './pace.ts';
import type { StagingSite } from './staging.ts';

export type Circumstances = {
  readonly job: Job;
  readonly agent: Agent;
  /** CRIU's path. */
  readonly criu: string;
  readonly options: JobOptions;
  readonly store: Store;
  readonly scratch: string;
  readonly folder: RunFolder;
  readonly lease: Lease;
  readonly vigil: Vigil;
  readonly signals: Signals;
  readonly say: Say;
  readonly staging: StagingSite;
  /** Bytes that a user's checkpoints may take. */
  readonly storeLimit: number;
  readonly pace: Pace;
  /** Since this run began, or the last attempt was over: as much may be expected to pass before the next. */
  readonly secondsSinceLast: number;
};

/** What becomes of the tree once it is saved: it goes on elsewhere, or where it is. */
export type Afterwards = 'ends' | 'runs-on';

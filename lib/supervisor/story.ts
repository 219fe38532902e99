// What a run's story is told with.
import type { Agent } from '../agent/client.ts';
import type { Job, JobOptions } from '../job.ts';
import type { Lease } from '../lease/lease.ts';
import type { RunFolder } from '../run-folder.ts';
import type { Errand } from '../run/errand.ts';
import type { Say } from '../run/output.ts';
import type { Scratch } from '../run/scratch.ts';
import type { PutBack } from '../run/script.ts';
import type { Signals } from '../run/signals.ts';
import type { Script } from '../run/tree.ts';
import type { Site } from '../saving/pace.ts';
import type { StagingSite } from '../saving/staging.ts';
import type { Store } from '../store/store.ts';
import type { Entrance } from './enter.ts';

export type Beginning = Scratch & {
  readonly job: Job;
  readonly script: Script & Pick<PutBack, 'lacks'>;
  readonly folder: RunFolder;
  readonly store: Store;
  /** The configuration that says where the store is can't be read. */
  readonly storeUnknown: boolean;
  /** What on this node keeps the job from being saved, and from being restored. */
  readonly hindrance: { readonly reason: string; readonly undelivered: string | undefined } | undefined;
  readonly agent: Agent | undefined;
  /** CRIU's path. */
  readonly criu: string;
  /** So many bytes of a checkpoint are compared before it is restored. */
  readonly verifyBytes: number;
  readonly say: Say;
  readonly lease: Lease;
  /** It makes checkpoints, or has some: no two runs of it may write at once. */
  readonly isProtected: boolean;
};

export type Story = Beginning & {
  readonly signals: Signals;
  /** None: nobody asked for checkpoints, or there is no agent. */
  readonly intervalSeconds: number | undefined;
  readonly site: Site;
  readonly options: JobOptions;
  readonly errand: Errand;
  /** In its claim; 0: none. */
  readonly leaseSeconds: number;
  /** Added to the lease of an older run. */
  readonly visibility: number;
  readonly lease: Lease;
  /** Of a run that has not claimed the job: once it has. */
  readonly claimed?: Promise<Late>;
  readonly staging: StagingSite;
  /** Bytes that a user's checkpoints may take. */
  readonly storeLimit: number;
  /** Checkpoints of other jobs that Slurm has forgotten stay for so long. */
  readonly keepSeconds: number;
  /** So many other nodes are tried where one can't restore the job. */
  readonly mostTries: number;
};

/** `superseded`: a newer run has the job, as is found only now. `takeUp`: the story as it is to be from there on; who takes it up sees to the claim. */
export type Late = (Extract<Entrance, { kind: 'entered' }> | { readonly kind: 'superseded' }) & {
  readonly takeUp: () => Story;
};

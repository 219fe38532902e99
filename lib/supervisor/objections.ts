// What stands in the way of a restore before CRIU has been asked, and whether another node may do better.
import { misfit, nodeFacts } from '../criu/node-facts.ts';
import { isNodes, reasonOf } from '../errors.ts';
import type { Job } from '../job.ts';
import { objectionToMove } from '../run/scratch.ts';
import type { Found } from '../store/manifest.ts';
import type { Store } from '../store/store.ts';

export type Objection = {
  readonly reason: string;
  /** `node`: another one may do. `job`: no node does, until somebody has mended the cause. */
  readonly because: 'node' | 'job';
  /** The job has no checkpoint that could be kept. */
  readonly isUnsaved?: boolean;
};

export const ofNode = (reason: string): Objection => ({ reason, because: 'node' });
export const ofJob = (reason: string): Objection => ({ reason, because: 'job' });
export const ofError = (error: unknown): Objection => (isNodes(error) ? ofNode : ofJob)(reasonOf(error));

export const keptBy = ({ isUnsaved }: Objection, { folder }: Pick<Store, 'folder'>): string | undefined =>
  isUnsaved === true ? undefined : folder;

type Here = { readonly job: Job; readonly scratch: string; readonly criu: string };
type Whole = Exclude<Found, { kind: 'damaged' }>;

/** Undefined: none that is known. */
export async function objectionTo(found: Whole, { job, scratch, criu }: Here): Promise<Objection | undefined> {
  switch (found.kind) {
    case 'foreign-version':
      return ofJob(`it was written by another version (${String(found.version)})`);
    case 'found': {
      const { manifest } = found;
      if (manifest.job !== job.id || manifest.cluster !== job.cluster) return ofJob("it is another job's");
      const { nodeFacts: there } = manifest;
      const objection = objectionToMove(manifest.scratch, scratch) ?? (there && misfit(there, await nodeFacts(criu)));
      return objection === undefined ? undefined : ofNode(objection);
    }
  }
}

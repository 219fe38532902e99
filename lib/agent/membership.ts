import { Refusal } from '../errors.ts';
import type { Job } from '../job.ts';
import { membershipsOf } from '../system/cgroup.ts';
import { identityOf, type Identity } from '../system/identity.ts';

/**
 * The identity of a process that the peer says is part of its job, if that is so: it is in a cgroup of this job, and is
 * this user's. Slurm names a job's groups by its id, 26.05 and later by its SLUID. Throws Refusal.
 */
export function memberOf(job: Job, pid: number, sluid: string | undefined): Identity {
  const names = [`job_${job.id}`, ...(sluid === undefined || sluid === '' ? [] : [sluid])];
  const inJob = membershipsOf(pid).some(({ path }) =>
    path.split('/').some((part) => names.includes(part) || (sluid && part.endsWith(sluid))),
  );
  const identity = identityOf(pid);
  if (!inJob || identity?.uid !== job.uid) {
    throw new Refusal(`process ${pid} is not of job ${job.id}`);
  }
  return identity;
}

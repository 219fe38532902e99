/** The job as Slurm describes it to the Prolog: nothing in it comes from the user but `comment`. */
export type Job = {
  readonly id: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly nodeName: string;
  /** How often Slurm has requeued it; 0 in its first run. */
  readonly restarts: number;
  /** When Slurm began this run, in seconds since 1970; undefined where it does not tell. */
  readonly startedAt?: number | undefined;
  readonly comment: string;
  /** The configuration file that this cluster's Slurm commands need. */
  readonly slurmConf: string;
};

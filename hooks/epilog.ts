import { finishJob } from '../lib/epilog/finish.ts';
import { runHook } from '../lib/hook.ts';
import { jobOfProlog } from '../lib/slurm/environment.ts';

await runHook('Epilog', async () => finishJob(jobOfProlog(process.env)));

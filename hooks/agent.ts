import { join } from 'node:path';

import { AgentServer } from '../lib/agent/server.ts';
import { readConfig } from '../lib/config.ts';
import { runHook } from '../lib/hook.ts';
import { PREFIX_FOLDER } from '../lib/layout.ts';
import { jobOfProlog } from '../lib/slurm/environment.ts';

// What the doorbell becomes when a job takes part: the root half of the job.
await runHook('agent', async () => {
  process.umask(0o077);
  const agent = new AgentServer({
    job: jobOfProlog(process.env),
    config: readConfig(),
    libexec: join(PREFIX_FOLDER, 'libexec'),
    sluid: process.env['SLURM_JOB_SLUID'],
  });
  process.on('SIGTERM', () => agent.finish());
  await agent.serve();
});

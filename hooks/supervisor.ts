import { listenEarly } from '../lib/supervisor/early-signal.ts';

listenEarly();

// Only now the rest, which takes its time to load.
const [{ EXIT_TEMPORARY, reasonOf }, { endAs, runHook }, { superviseJob }, { syslog }] =
  await Promise.all([
    import('../lib/errors.ts'),
    import('../lib/hook.ts'),
    import('../lib/supervisor/story.ts'),
    import('../lib/system/syslog.ts'),
  ]);

// A fault of ours must not take the job along: it ends only when the story says so.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    void syslog('err', `supervisor of job ${process.env['SLURM_JOB_ID']}: ${reasonOf(error)}`);
  });
}

// The process that Slurm watches: it ends as the job's script ended.
await runHook(
  'supervisor',
  async () => {
    endAs(await superviseJob(process.argv.slice(2)));
    return new Promise(() => undefined);
  },
  EXIT_TEMPORARY,
);

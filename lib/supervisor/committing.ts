import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Replies } from '../agent/protocol.ts';
import { DUMP_LOG } from '../criu/command.ts';
import { explainFull, explainLog, hasStopped, NO_REASON } from '../criu/explain.ts';
import { joinLooseSessions } from '../criu/sessions.ts';
import { Refusal } from '../errors.ts';
import type { RunningCopy, ScratchArchive } from '../scratch/archive.ts';
import { isCancelled } from '../slurm/control.ts';
import { bytesIn, fullOf, syncMeanwhile } from '../store/durable.ts';
import { fingerprints } from '../store/integrity.ts';
import type { Draft } from '../store/job-store.ts';
import { MANIFEST_VERSION, type Manifest } from '../store/manifest.ts';
import { Fifo } from '../system/fifo.ts';
import { numbersOf, statusOf } from '../system/proc.ts';
import { runOrThrow } from '../system/run.ts';
import { steadyNow } from '../time.ts';
import { clocksOf, gatherFacts, numbersOfTree, type ProcessFacts } from '../tree/facts.ts';
import type { Tree } from '../tree/tree.ts';
import { nodeFacts } from './node-facts.ts';
import { noteOutputs } from './outputs.ts';
import { refuseIfOver, refuseIfSuperseded, type Purpose, type Workplace } from './preparing.ts';
import { withProgress } from './progress.ts';
import type { Run } from './run.ts';
import { noteWrittenFiles, standsStillFor } from './written-files.ts';

/** One checkpoint in the making. */
type Attempt = {
  readonly run: Run;
  readonly tree: Tree;
  readonly purpose: Purpose;
  readonly draft: Draft;
  readonly workplace: Workplace;
  readonly scratch: ScratchArchive | undefined;
  readonly running: RunningCopy;
  readonly startedAt: number;
  readonly waitedMs: number;
};

/**
 * criu did not end by itself: somebody killed it, or the tree's namespace ended under it. In its first moments its code lies among the
 * tree's own, and a process that comes upon it dies of SIGTRAP (docs/notes/criu.md).
 */
export class BrokenOff extends Refusal {
  /** Whether criu had stopped any of the tree before: from then to its end nothing of the tree runs. */
  readonly hadStopped: boolean;

  constructor(reason: string, log: string, cause?: unknown) {
    super(reason, { cause });
    this.hadStopped = hasStopped(log);
  }
}

/** A manifest but for what is known only when everything is in its place. */
type Notes = Omit<Manifest, 'contents' | 'cost'>;

/**
 * Has criu write the tree's memory and completes the checkpoint while the tree stands still; one that is to run on, only as far
 * as the copy needs it. Returns when it is committed. Throws when it is not; then the tree runs.
 */
export async function dumpAndCommit(attempt: Attempt): Promise<Manifest['cost']> {
  const { run, tree, draft, workplace, purpose } = attempt;
  const { frozen, commit } = run.folder;
  await rm(frozen, { force: true });
  await rm(commit, { force: true });
  await runOrThrow(['mkfifo', '--mode=600', frozen, commit], {
    deadlineMs: 10_000,
    path: run.config.path,
  });
  using frozenFifo = new Fifo(frozen);
  using commitFifo = new Fifo(commit);
  const writing = withProgress(
    'Dump',
    async () =>
      run.agent.ask({
        kind: 'dump',
        root: tree.root,
        images: workplace.images,
        leaveRunning: purpose === 'run-on',
      }),
    async () => bytesIn(workplace.images),
  );
  let criuEnded = false;
  const noteEnd = (): void => {
    criuEnded = true;
  };
  writing.then(noteEnd, noteEnd);
  // Without criu nothing holds the tree where the checkpoint says that it stands.
  const refuseIfLoose = (): void => {
    if (criuEnded) throw new Refusal('criu ended too early');
    refuseIfSuperseded(run);
  };
  const dumpBeganAt = steadyNow();
  const written = Promise.race([frozenFifo.line().then(() => 'frozen' as const), writing]);
  const synced =
    workplace.path === draft.path ? syncMeanwhile(workplace.images, written) : Promise.resolve();
  // Heard below, unless something else fails before.
  synced.catch(() => undefined);
  const first = await written;
  if (first !== 'frozen') throw await dumpFailed(workplace, first);
  const sealFrozen = purpose === 'end';
  let notes: Notes;
  let cost: Manifest['cost'] | undefined;
  try {
    refuseIfOver(run);
    notes = await note(attempt);
    const notedAt = steadyNow();
    await synced;
    if (!sealFrozen) {
      await sleep(notedAt + standsStillFor(notes.files, Date.now()) - steadyNow());
    }
    await refuseIfCancelled(run);
    refuseIfLoose();
    if (sealFrozen) cost = await seal(attempt, notes, { dumpBeganAt, mayCommit: refuseIfLoose });
  } catch (error) {
    commitFifo.say('abort');
    // criu lets the tree run on before it ends.
    const ended = await writing.catch(() => undefined);
    throw ended?.exitCode === null
      ? new BrokenOff(ended.reason, await readLog(workplace), error)
      : error;
  }
  commitFifo.say('commit');
  const frozenMs = steadyNow() - dumpBeganAt;
  await writing.catch(() => undefined);
  const mayCommit = (): void => refuseIfSuperseded(run);
  return cost ?? (await seal(attempt, notes, { dumpBeganAt, frozenMs, mayCommit }));
}

async function dumpFailed(
  workplace: Workplace,
  { exitCode, reason }: Replies['dump'],
): Promise<Refusal> {
  const log = await readLog(workplace);
  if (exitCode === null) return new BrokenOff(reason, log);
  const { sentence } = explainLog(log);
  if (sentence !== NO_REASON) return new Refusal(sentence);
  const full = await fullOf(workplace.images);
  if (full) return new Refusal(explainFull(full));
  return new Refusal(log === '' ? reason : sentence);
}

/** Empty when criu has not begun it. */
const readLog = async ({ images }: Workplace): Promise<string> =>
  readFile(join(images, DUMP_LOG), 'utf8').catch(() => '');

async function refuseIfCancelled(run: Run): Promise<void> {
  const now = run.events.termPending ? await run.controller.job() : undefined;
  if (now && isCancelled(now)) throw new Refusal('the job was cancelled');
}

/** Everything that has to be copied or noted while nothing can change. */
async function note({ run, tree, draft, workplace, scratch, running }: Attempt): Promise<Notes> {
  const takenAt = new Date().toISOString();
  const facts = gatherFacts(tree);
  const numbers = numbersOfTree(tree);
  const clocks = clocksOf(tree);
  if (scratch) {
    await withProgress(
      'Copying what changed in TMPDIR',
      async () => scratch.copyWhileFrozen(running, busyFiles(facts)),
      async () => scratch.written(),
    );
  }
  const outputs = await noteOutputs(workplace.path, run.config.output_copy_limit);
  return {
    version: MANIFEST_VERSION,
    jobId: run.jobId,
    generation: draft.number,
    takenAt,
    node: run.nodeName,
    ...(await nodeFacts(run.config.path)),
    tree: numbers,
    clocks: { monotonic: String(clocks.monotonic), boottime: String(clocks.boottime) },
    groups: numbersOf(statusOf(String(tree.root))?.get('Groups')),
    script: run.argv[0],
    files: await noteWrittenFiles(facts, {
      outputs: outputs.map(({ path }) => path),
      scratch: run.scratch,
    }),
    outputs,
    ...(run.scratch === undefined ? {} : { scratch: run.scratch }),
    ...(run.options.resultFolder === undefined ? {} : { resultFolder: run.options.resultFolder }),
  };
}

/** Brings everything into the store, makes it durable and commits it. */
async function seal(
  { run, draft, workplace, startedAt, waitedMs }: Attempt,
  notes: Notes,
  {
    dumpBeganAt,
    frozenMs,
    mayCommit,
  }: {
    dumpBeganAt: number;
    /** How long the tree stood still; undefined while it still does. */
    frozenMs?: number;
    /** Throws when it is too late. */
    mayCommit: () => void;
  },
): Promise<Manifest['cost']> {
  if (workplace.path !== draft.path) {
    await withProgress(
      'Moving the checkpoint to the store',
      async () =>
        runOrThrow(
          ['cp', '--recursive', '--sparse=auto', '--', `${workplace.path}/.`, draft.path],
          {
            deadlineMs: Infinity,
            path: run.config.path,
          },
        ),
      async () => bytesIn(draft.path),
    );
  }
  await joinLooseSessions(draft.images);
  const [contents] = await withProgress('Making the checkpoint durable', async () =>
    Promise.all([fingerprints(draft.path, run.config.path), draft.sync()]),
  );
  const cost = {
    frozenMs: frozenMs ?? steadyNow() - dumpBeganAt,
    wholeMs: steadyNow() - startedAt,
    waitedMs,
  };
  await draft.commit({ ...notes, contents, cost }, mayCommit);
  return cost;
}

/** Files in TMPDIR that may have changed without a new time stamp, by id and by path: some file systems have ids for maps alone. */
const busyFiles = (facts: readonly ProcessFacts[]): ReadonlySet<string> =>
  new Set(
    facts.flatMap(({ files, mapped }) => [
      ...files.filter(({ writable }) => writable).flatMap(({ id, path }) => [id, path]),
      ...mapped.filter(({ shared }) => shared).flatMap(({ id, path }) => [id, path]),
    ]),
  );

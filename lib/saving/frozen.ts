// What CRIU doesn't save of a tree, while it holds it; and what has time until after.
import { existsSync } from 'node:fs';
import { beginWaitsAnew } from '../criu/interrupted.ts';
import { haveLinkRemaps } from '../criu/remaps.ts';
import { joinLooseSessions } from '../criu/sessions.ts';
import { messages } from '../messages.ts';
import { withProgress } from '../run/progress.ts';
import type { Tree } from '../run/tree.ts';
import { fate, jobFileAppend } from '../slurm/scontrol.ts';
import type { Draft } from '../store/draft.ts';
import type { Manifest } from '../store/manifest.ts';
import { copyAnew, mirror, type Copied } from '../system/copy.ts';
import { lookForLost } from '../tree/look.ts';
import { mappedIn } from '../tree/mapped.ts';
import { saveOutputs } from '../written/outputs.ts';
import { flushWritten, noteWritten } from '../written/written.ts';
import type { Afterwards, Circumstances } from './circumstances.ts';

type Frozen = {
  readonly draft: Draft;
  /** Where CRIU has written them. */
  readonly images: string;
  /** Files of TMPDIR that were mapped before. */
  readonly mapped: readonly string[];
  readonly afterwards: Afterwards;
  readonly around: Circumstances;
};
type Files = Pick<Manifest, 'outputs' | 'written'>;

/** While nothing of the tree runs: what CRIU doesn't save. A sentence: why that can't be. */
export async function saveRest(
  tree: Tree,
  { draft, images, mapped, afterwards, around }: Frozen,
): Promise<string | Files> {
  const { scratch, signals, job, say, folder } = around;
  // It is written on this node, by a tree that has nothing else to do: restored on another, it would leave no word of its end.
  if (existsSync(folder.status)) return 'the script has come to its end';
  const lost = await lookForLost(tree.pid);
  if (lost !== undefined) return lost;
  if (afterwards === 'runs-on' && (await haveLinkRemaps(images))) return messages.linkRemap();
  const copy = await withProgress({ say, name: 'Copying what changed in TMPDIR' }, async () =>
    copyLast({ from: scratch, to: draft.tmpdir }, [...mapped, ...mappedIn(scratch, tree.pid)]),
  );
  if (copy.kind === 'failed') return `TMPDIR could not be saved: ${copy.reason}`;
  if (signals.terminated() && (await fate(job)) === 'over') return 'the job is being ended';
  const outputs = await saveOutputs(tree.pid, draft.path, async () => jobFileAppend(job));
  const except = [scratch, folder.path, ...outputs.map((output) => output.path)];
  const written = noteWritten(tree.pid, { except, into: draft.path });
  // A tree that ends writes nothing more; where it goes on, CRIU itself looks at what it has open.
  return { outputs, written: await (afterwards === 'ends' ? written.catch(() => []) : written) };
}

/** What has time until the commit, as far as the tree is concerned. C1: the user's files are flushed, too. */
export async function makeWhole(draft: Draft, { outputs, written }: Files, { say, secondsSinceLast }: Circumstances) {
  await joinLooseSessions(draft.images);
  await beginWaitsAnew(draft.images, secondsSinceLast / 2);
  await flushWritten([...outputs, ...written]);
  await withProgress({ say, name: 'Writing the checkpoint to disk' }, async () => draft.sync());
}

/** What changed since the first copy, with a trace or without. */
async function copyLast(folders: Parameters<typeof mirror>[0], mapped: readonly string[]): Promise<Copied> {
  const copy = await mirror(folders);
  return copy.kind === 'done' ? copyAnew(folders, [...new Set(mapped)]) : copy;
}

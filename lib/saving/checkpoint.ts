// One checkpoint, from the first look to the end of the tree. Until the commit the job has lost nothing: every way out
// before it leaves the tree running.
import { randomUUID } from 'node:crypto';
import type { Answered } from '../agent/protocol.ts';
import { nodeFacts } from '../criu/node-facts.ts';
import type { Job } from '../job.ts';
import { messages } from '../messages.ts';
import { withProgress } from '../run/progress.ts';
import { scriptOf, type Tree } from '../run/tree.ts';
import type { Draft } from '../store/draft.ts';
import { mirror } from '../system/copy.ts';
import { innerPid } from '../system/proc.ts';
import { lookFor } from '../tree/look.ts';
import { mappedIn } from '../tree/mapped.ts';
import { writeMarks } from '../written/marks.ts';
import type { Afterwards, Circumstances } from './circumstances.ts';
import { dumpTree, type NotDumped } from './dump-tree.ts';
import { makeWhole, saveRest } from './frozen.ts';
import { untilDecided } from './held.ts';
import { lacksRoom } from './room.ts';
import { stage } from './staging.ts';

export type Outcome =
  /** Committed, and the tree has ended. */
  | { readonly kind: 'saved' }
  /** Committed, and the tree runs on. */
  | { readonly kind: 'snapshot'; readonly seconds: number; readonly frozenSeconds: number }
  | NotDumped;

export async function checkpoint(tree: Tree, afterwards: Afterwards, around: Circumstances): Promise<Outcome> {
  const { agent, store, scratch, job, options, say, lease, vigil } = around;
  const stood = lease.lapses(); // R9
  const obstacles = (await lookFor(tree.pid)) ?? (await lacksRoom(tree.pid, store.folder, around.storeLimit));
  if (obstacles !== undefined) return { kind: 'not-saved', reason: obstacles };
  const began = performance.now();
  await using draft = await store.draft(job.restarts);
  const node = await nodeFacts(around.criu);
  const mapped = mappedIn(scratch, tree.pid);
  await copyBulk(draft, around);
  const name = randomUUID(); // what is said of this dump is not to be taken for a word on another
  await using staged = afterwards === 'runs-on' ? await stage(around.staging, job.id, tree.pid) : undefined;
  const images = staged?.images ?? draft.images;
  await using hold = untilDecided(tree, { agent, lease, dump: name, vigil });
  const froze = performance.now();
  const dump = await dumpTree(tree, { images, name, around, ...(!staged && { writtenTo: draft }) });
  if (dump.kind !== 'held') return dump;
  const still = await saveRest(tree, { draft, images, mapped, afterwards, around });
  if (typeof still === 'string') return { kind: 'not-saved', reason: still };
  const facts = { ...factsOf(tree, dump, job), nodeFacts: node, ...still };
  if (afterwards === 'runs-on') {
    hold.mustHold();
    await hold.letGo();
    await writeMarks(draft.path, still);
  }
  const frozenSeconds = secondsSince(froze);
  await staged?.moveTo(draft.images, tree.ended);
  await makeWhole(draft, still, around);
  const took = {
    seconds: secondsSince(began),
    frozenSeconds: afterwards === 'ends' ? secondsSince(froze) : frozenSeconds,
  };
  await draft.commit({ ...facts, options, scratch, ...took, pace: around.pace }, () => {
    if (afterwards === 'ends') hold.mustHold();
    // What stood still for the lease was not to be saved as if the job had stopped it.
    if (lease.lapses() !== stood) throw new Error('for a while nobody could tell whether another run has the job');
  });
  if (afterwards === 'ends') await hold.end();
  say(afterwards === 'ends' ? messages.dumped() : messages.snapshot(draft.number, frozenSeconds));
  return afterwards === 'ends' ? { kind: 'saved' } : { kind: 'snapshot', ...took };
}

/** Of TMPDIR, while the job runs; what moves meanwhile is copied once more. */
async function copyBulk(draft: Draft, { scratch, say }: Circumstances): Promise<void> {
  await withProgress({ say, name: 'Copying TMPDIR', folder: draft.tmpdir }, async () => {
    await mirror({ from: scratch, to: draft.tmpdir });
    await draft.sync();
  });
}

const secondsSince = (moment: number): number => (performance.now() - moment) / 1000;

const factsOf = (tree: Tree, { rootPid, highestPid, uptimeSeconds }: Answered<'held'>, job: Job) => ({
  job: job.id,
  cluster: job.cluster,
  node: job.node,
  run: job.restarts,
  script: innerPid(scriptOf(tree) ?? 0) ?? 0,
  continuation: { rootPid, highestPid, uptimeSeconds },
});

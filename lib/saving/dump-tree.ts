// CRIU's part of a checkpoint; and whether the tree came through it, should CRIU have been killed.
import type { Answered } from '../agent/protocol.ts';
import { withProgress } from '../run/progress.ts';
import type { Tree } from '../run/tree.ts';
import type { Draft } from '../store/draft.ts';
import { treeOf } from '../system/proc.ts';
import { rootAt, type Root } from '../system/standstill.ts';
import type { Circumstances } from './circumstances.ts';

export type NotDumped =
  /** The tree runs on. */
  | { readonly kind: 'not-saved'; readonly reason: string }
  /** It may run on, but it is no longer what it was. */
  | Harmed;

/** `members`: those that it had; some may have lost their parents, and no longer be found from its root. */
export type Harmed = { readonly kind: 'harmed'; readonly members: readonly Root[] };

type Dumping = {
  readonly images: string;
  readonly name: string;
  readonly around: Pick<Circumstances, 'agent' | 'say'>;
  /** Whose images they are, if it is written straight to the store. */
  readonly writtenTo?: Draft;
};

/**
 * A CRIU that is killed as it makes a process call leaves it on an instruction of its own: it dies of that, or it takes CRIU's
 * answer for its own, as the end of a file. The script may well go on then, without what that process was to do. At any other
 * moment it does no harm: where a restored tree comes to its end, so does its pid namespace, and CRIU with it.
 */
export async function dumpTree(
  tree: Tree,
  { images, name, around: { agent, say }, writtenTo }: Dumping,
): Promise<Answered<'held'> | NotDumped> {
  const members = treeOf(tree.pid).map(rootAt);
  const dump = await withProgress({ say, name: 'Dump', folder: images }, async () => {
    const dumping = agent.dump({ tree: tree.pid, directory: images, dump: name });
    return writtenTo ? writtenTo.imagesWritten(dumping) : dumping;
  });
  if (dump.kind === 'held') return dump;
  if (dump.killed === 'harmful') return { kind: 'harmed', members };
  return { kind: 'not-saved', reason: dump.reason };
}

// CRIU's part of a checkpoint; and whether the tree came through it, should CRIU have been killed.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered } from '../agent/protocol.ts';
import type { Draft } from '../store/draft.ts';
import { identityOf, treeOf } from '../system/proc.ts';
import type { Circumstances } from './circumstances.ts';
import { withProgress } from './progress.ts';
import type { Tree } from './tree.ts';

export type NotDumped =
  /** The tree runs on. */
  | { readonly kind: 'not-saved'; readonly reason: string }
  /** It may run on, but it is no longer what it was. */
  | { readonly kind: 'harmed' };

type Dumping = {
  readonly images: string;
  readonly name: string;
  readonly around: Pick<Circumstances, 'agent' | 'say'>;
  /** Whose images they are, if it is written straight to the store. */
  readonly writtenTo?: Draft;
};

/** A SIGTRAP ends its process at once. */
const TO_DIE_MS = 300;

/**
 * A CRIU that is killed as it makes a process call leaves it on an instruction of its own: it dies of that, or it takes CRIU's
 * answer for its own, as the end of a file. The script may well go on then, without what that process was to do.
 */
export async function dumpTree(
  tree: Tree,
  { images, name, around: { agent, say }, writtenTo }: Dumping,
): Promise<Answered<'held'> | NotDumped> {
  const before = membersOf(tree);
  const dump = await withProgress({ say, name: 'Dump', folder: images }, async () => {
    const dumping = agent.dump({ tree: tree.pid, directory: images, dump: name });
    return writtenTo ? writtenTo.imagesWritten(dumping) : dumping;
  });
  if (dump.kind === 'held') return dump;
  if (dump.killed === 'harmful' || (dump.killed && (await hasLost(before, tree)))) return { kind: 'harmed' };
  return { kind: 'not-saved', reason: dump.reason };
}

async function hasLost(before: readonly string[], tree: Tree): Promise<boolean> {
  await sleep(TO_DIE_MS);
  const after = new Set(membersOf(tree));
  return before.some((each) => !after.has(each));
}

const membersOf = (tree: Tree): string[] => treeOf(tree.pid).flatMap((pid) => identityOf(pid) ?? []);

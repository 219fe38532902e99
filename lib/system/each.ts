import { NodeError, isNodes, reasonOf } from '../errors.ts';
import { eachOf } from './at-once.ts';

/** Of the four threads that libuv has for files one stays free for others, should a share not answer. */
const AT_ONCE = 3;
const MOST_REASONS = 3;

/** A few at a time. All are tried; what failed is thrown as one error, a NodeError if all were the node's. @returns the results, in order */
export async function each<T, R>(items: readonly T[], work: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const failures: string[] = [];
  let allNodes = true;
  await eachOf(items.entries(), AT_ONCE, async ([at, item]) => {
    try {
      results[at] = await work(item, at);
    } catch (error) {
      failures[at] = reasonOf(error);
      allNodes &&= isNodes(error);
    }
  });
  const reasons = [...new Set(failures.filter(Boolean))]; // in order, too
  const more = reasons.length - MOST_REASONS;
  if (reasons.length > 0) {
    const all = `${reasons.slice(0, MOST_REASONS).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
    throw allNodes ? new NodeError(all) : new Error(all);
  }
  return results;
}

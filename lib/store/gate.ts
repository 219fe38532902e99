// What a run of a job does once it has claimed it (docs/protocol/PROTOCOL.md, §1 to §3): two runs must never write at once.
import type { Claim, Claimant } from './claims.ts';
import type { Ended } from './ended.ts';
import type { Seen } from './runs.ts';

export type Verdict =
  | { readonly kind: 'go' }
  /** Until the older runs have stopped by themselves, or are released: so many seconds after the own claim was made. */
  | { readonly kind: 'wait'; readonly seconds: number; readonly nodes: readonly string[] }
  /** There is a newer run, which has the job. */
  | { readonly kind: 'old' }
  /** Nobody can tell whether the older run still writes. */
  | { readonly kind: 'stay'; readonly older: number; readonly node: string | undefined }
  | { readonly kind: 'ended'; readonly ended: Ended };

type Me = Pick<Claimant, 'run' | 'node' | 'boot'>;

/** What a fresh look means for a run that has claimed the job. */
export function pass(seen: Seen, me: Me): Verdict {
  if (seen.ended) return { kind: 'ended', ended: seen.ended };
  if (seen.listing.claims.some(({ run }) => run > me.run)) return { kind: 'old' };
  const older = seen.unreleased.filter(({ run, claim }) => run < me.run && !diedWithItsNode(claim, me));
  const endless = older.find(({ claim }) => claim === undefined || claim.lease === 0);
  if (endless) return { kind: 'stay', older: endless.run, node: endless.claim?.node };
  if (older.length === 0) return { kind: 'go' };
  return {
    kind: 'wait',
    seconds: Math.max(...older.map(({ claim }) => claim?.lease ?? 0)),
    nodes: [...new Set(older.flatMap(({ claim }) => claim?.node ?? []))],
  };
}

/** It was on this very node, which has been started anew since. */
const diedWithItsNode = (claim: Claim | undefined, me: Me): boolean =>
  claim?.node === me.node && claim.boot !== me.boot;

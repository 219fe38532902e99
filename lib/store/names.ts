// What is in a job's folder in the store (docs/protocol/PROTOCOL.md, §1). No other module spells these names. Exactly one
// run may write each: the number of a run (Slurm's restart count) is in all but those that a rename makes valid.

export const claimOf = (run: number): string => `run.${run}`;
export const releasedOf = (run: number): string => `run.${run}.released`;
/** Never read: renamed from one to the other, it is a write that the server has to answer. */
export const beatsOf = (run: number): readonly [string, string] => [`beat.${run}.a`, `beat.${run}.b`];
/** This run had no Prolog on its node, and has not claimed the job. */
export const withoutPrologOf = (run: number): string => `run.${run}.no-prolog`;
/** Another name until the claim is durable. */
export const claimDraftOf = (run: number, nonce: string): string => `run.${run}.tmp.${nonce}`;
export const generationOf = (number: number): string => String(number);
/** R5: with the run's number, or a late rename of an older run's could commit what a newer one is still writing. */
export const draftOf = (number: number, run: number): string => `${number}.${run}.partial`;
/** On its way out: a commit that comes for it in the middle of its removal finds it gone. */
export const sweptOf = (partial: string): string => (partial.endsWith(SWEPT) ? partial : `${partial}${SWEPT}`);
const SWEPT = '.swept';
/** R7: passed over, because it is damaged. */
export const badOf = (number: number): string => `${number}.bad`;
/** Nodes that could not restore the job. */
export const TRIES = 'tries.json';
export const TRIES_DRAFT = 'tries.json.new';
export const ENDED = 'ended';
export const endedDraftOf = (run: number): string => `ended.${run}.partial`;
/** Results that could not be delivered; text that was taken out of the job's output. They outlive the job. */
export const RESULTS = 'results';
export const UNDONE = 'undone';

export type Listing = {
  /** By run, ascending. */
  readonly claims: readonly { readonly run: number; readonly released: boolean }[];
  /** Committed, ascending. */
  readonly generations: readonly number[];
  readonly bad: readonly number[];
  /** Never valid, whatever is in them. */
  readonly partials: readonly string[];
  /** What else a run has there that goes with its claim. */
  readonly traces: readonly { readonly run: number; readonly name: string }[];
  readonly ended: boolean;
};

const ascending = (a: number, b: number): number => a - b;

export function listed(names: readonly string[]): Listing {
  const numbers = (pattern: RegExp): number[] =>
    names.flatMap((name) => Number(pattern.exec(name)?.[1] ?? Number.NaN)).filter((number) => !Number.isNaN(number));
  const claims = [
    ...numbers(/^run\.(\d+)$/).map((run) => ({ run, released: false })),
    ...numbers(/^run\.(\d+)\.released$/).map((run) => ({ run, released: true })),
  ];
  return {
    claims: claims.toSorted((a, b) => a.run - b.run),
    generations: numbers(/^(\d+)$/).toSorted(ascending),
    bad: numbers(/^(\d+)\.bad$/).toSorted(ascending),
    partials: names.filter((name) => /^(\d+(\.\d+)?|ended\.\d+)\.partial(\.swept)?$/.test(name)),
    traces: names.flatMap((name) => {
      const [, run] = /^(?:run|beat)\.(\d+)\.(?:tmp\.|no-prolog$|[ab]$)/.exec(name) ?? [];
      return run === undefined ? [] : [{ run: Number(run), name }];
    }),
    ended: names.includes(ENDED),
  };
}

/** Whether anything there tells of an earlier run that was protected. */
export const tellsOfEarlier = ({ claims, generations, bad, ended }: Listing): boolean =>
  ended || [claims, generations, bad].some((some) => some.length > 0);

/** The next generation's number: above every one that was ever there, damaged or half written. */
export const nextNumber = ({ generations, bad, partials }: Listing): number =>
  Math.max(0, ...generations, ...bad, ...partials.map((name) => Number.parseInt(name, 10) || 0)) + 1;

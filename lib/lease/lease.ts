// The lease of a run (docs/protocol/PROTOCOL.md, §3): as long as it is renewed nobody else has the job. Where it can't be, as on
// a node that is cut off, everything of the run that writes stands still before another run may begin.

export type Lease = Disposable & {
  isValid(): boolean;
  /** How often it has run out: what was begun before may not be finished after. */
  lapses(): number;
  /** A newer run has the job. */
  readonly superseded: Promise<'superseded'>;
  /** Once it is valid, or will never be again. */
  settled(): Promise<'valid' | 'superseded'>;
  /** What stands still while the lease has run out. @param root of the tree */
  guard(root: number): void;
};

/** Seconds, by a clock that nobody sets, and that stands while the machine sleeps. */
export const monotonic = (): number => performance.now() / 1000;

/** For runs that have none: a later run is held rather than begun beside them. */
export const endless = (): Lease => ({
  isValid: () => true,
  lapses: () => 0,
  superseded: new Promise(() => {}),
  settled: async () => 'valid',
  guard: () => {},
  [Symbol.dispose]: () => {},
});

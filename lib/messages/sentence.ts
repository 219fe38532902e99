// What a sentence is: to the job's owner, or of a failure.

/** What the administrator reads as well, in syslog. */
export type Failure = { readonly failure: string };
export type Sentence = string | Failure;

export const failure =
  <Facts extends readonly unknown[]>(sentence: (...facts: Facts) => string) =>
  (...facts: Facts): Failure => ({ failure: sentence(...facts) });

/** @param kept where the job's checkpoint is; undefined: it has none */
export const keptIn = (kept: string | undefined): string =>
  kept === undefined ? '' : `, its checkpoint kept in ${kept}`;
/** What has come to nothing. */
export const attempt = (kept: string | undefined): string =>
  kept === undefined ? 'Not started' : 'Checkpoint not restored';

/** 2026-11-26 21:48:30, by the node's clock. Not by toLocaleString(): ICU would stay in memory, 8 MB of it. */
export const localTime = (iso: string): string => {
  const time = new Date(iso);
  const shifted = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19).replace('T', ' ');
};

import * as v from 'valibot';

import { ENDINGS, RESULTS } from './record.ts';

/**
 * What a supervisor (the user) asks its agent (root), one JSON line each, one at a time, over the socket that only the job's user may
 * open. No job id and no user id is among it: those the agent has from the Prolog.
 */
const pid = v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(4_194_304));
const path = v.pipe(
  v.string(),
  v.maxLength(4000),
  v.regex(/^\/[^\0\n]*$/, 'must be an absolute path'),
);
const clock = v.pipe(v.string(), v.regex(/^\d{1,19}$/));

export const Request = v.variant('kind', [
  v.strictObject({ kind: v.literal('hello'), supervisor: pid }),
  /** The job's folders, frozen for the rest of this run: the Epilog goes by them. */
  v.strictObject({
    kind: v.literal('register'),
    resultFolder: v.nullable(path),
    store: v.nullable(path),
  }),
  v.strictObject({
    kind: v.literal('dump'),
    root: pid,
    images: path,
    leaveRunning: v.boolean(),
  }),
  /** Waits for a place among this node's writers. */
  v.strictObject({
    kind: v.literal('take-slot'),
    patienceMs: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(60_000)),
  }),
  v.strictObject({ kind: v.literal('give-slot') }),
  v.strictObject({
    kind: v.literal('restore'),
    images: path,
    logFile: v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,60}$/)),
    monotonic: clock,
    boottime: clock,
    groups: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(65_536)),
    highestPid: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4_194_304)),
    script: path,
  }),
  /** Ends a restored tree and its namespace. */
  v.strictObject({ kind: v.literal('end-tree') }),
  /** For the Epilog: what became of TMPDIR's contents, and whether the job is over, so that its checkpoints can go. */
  v.strictObject({
    kind: v.literal('note'),
    results: v.optional(v.picklist(RESULTS)),
    ending: v.optional(v.picklist(ENDINGS)),
  }),
]);
export type Request = v.InferOutput<typeof Request>;

/** What the agent tells the supervisor at the start. */
type Welcome = { comment: string; restarts: number; slurmConf: string };

export type Replies = {
  hello: Welcome;
  register: { scratch: string | null; staging: string | null };
  'take-slot': { taken: boolean };
  'give-slot': Record<string, never>;
  /** How criu ended; that a checkpoint was committed is for the supervisor to know. */
  dump: { exitCode: number | null; reason: string };
  /** `forged`: the checkpoint is at fault, and will be on any node. */
  restore: { kind: 'restored'; root: number } | { kind: 'forged'; reason: string };
  'end-tree': Record<string, never>;
  note: Record<string, never>;
};

/** From the agent: an answer to the request, its refusal, or (unasked) that the restored tree is gone. */
export const Message = v.variant('kind', [
  v.object({ kind: v.literal('answer'), answer: v.unknown() }),
  v.object({ kind: v.literal('refused'), reason: v.string() }),
  v.object({ kind: v.literal('tree-ended') }),
]);
export type Message = v.InferOutput<typeof Message>;

/** Of a request: as long as setpriv can be told of groups (MAX_ARG_STRLEN). */
export const MAX_LINE = 128 * 1024;

/** Cuts a stream into lines; throws when one grows beyond all reason. */
export class Lines {
  #rest = '';

  take(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE) throw new Error('a line is too long');
    return lines;
  }
}

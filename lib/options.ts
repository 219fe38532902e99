import { isAbsolute } from 'node:path';

import { OptionError } from './errors.ts';
import { parseSlurmTime, SLURM_TIME_FORMATS } from './time.ts';

/** requeue: saved, ended and restored elsewhere. snapshot: saved while it runs on; moved only near its time limit. */
export const MODES = ['requeue', 'snapshot'] as const;
type Mode = (typeof MODES)[number];

/** What the job's owner asked for. */
export type JobOptions = {
  /** Seconds between two checkpoints; `auto`: chosen by what they cost; undefined: no checkpoints. */
  readonly intervalSeconds: number | 'auto' | undefined;
  readonly resultFolder: string | undefined;
  readonly keep: number;
  readonly mode: Mode;
  /** The owner's own place for checkpoints instead of the site's. */
  readonly storeFolder: string | undefined;
};

/** Where an option can be said, strongest first. */
export type OptionSources = {
  /** The job's comment: words separated by commas or blanks; those that are not ours belong to somebody else. */
  readonly comment: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `export NAME=value` lines of the script, as the predecessor's users wrote them. */
  readonly script: Readonly<Record<string, string>>;
};

export type SiteDefaults = {
  readonly intervalSeconds: number;
  readonly keep: number;
  readonly mode: Mode;
};

type Said = { readonly name: string; readonly value: string };

const COMMENT_WORDS = {
  checkpoint: 'SLURM_CHECKPOINT',
  results: 'RESULT_FOLDER',
  keep: 'SLURM_CHECKPOINT_KEEP',
  mode: 'SLURM_CHECKPOINT_MODE',
} as const;

/** The names that a script's own `export` lines may set: the only two that the predecessor knew. */
export const SCRIPT_NAMES = ['SLURM_CHECKPOINT', 'RESULT_FOLDER'] as const;

type VariableName = (typeof COMMENT_WORDS)[keyof typeof COMMENT_WORDS] | 'SLURM_CHECKPOINT_DIR';

function commentWords(comment: string): Map<VariableName, Said> {
  const said = new Map<VariableName, Said>();
  for (const word of comment.split(/[\s,]+/)) {
    const [, key, value] = /^([a-z]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (key === undefined || !Object.hasOwn(COMMENT_WORDS, key)) continue;
    if (value === undefined && key !== 'checkpoint') continue;
    const variable = COMMENT_WORDS[key as keyof typeof COMMENT_WORDS];
    said.set(variable, { name: `comment word ${key}`, value: value ?? 'default' });
  }
  return said;
}

/**
 * The options of a job from all its sources: comment before environment before script.
 * Returns undefined when nobody asked for checkpoints or results: the job takes no part.
 * Throws OptionError, naming option, value and what was expected.
 */
export function readOptions(sources: OptionSources, site: SiteDefaults): JobOptions | undefined {
  const words = commentWords(sources.comment);
  const find = (variable: VariableName): Said | undefined => {
    const word = words.get(variable);
    if (word) return word;
    const value = sources.environment[variable];
    if (value !== undefined && value !== '') return { name: variable, value };
    const line = sources.script[variable];
    if (line !== undefined) return { name: `${variable} (exported in the script)`, value: line };
    return undefined;
  };
  const checkpoint = find('SLURM_CHECKPOINT');
  const results = find('RESULT_FOLDER');
  if (!checkpoint && !results) return undefined;
  return {
    intervalSeconds: checkpoint && readInterval(checkpoint, site),
    resultFolder: results && readFolder(results),
    keep: readKeep(find('SLURM_CHECKPOINT_KEEP'), site),
    mode: readMode(find('SLURM_CHECKPOINT_MODE'), site),
    storeFolder: optional(find('SLURM_CHECKPOINT_DIR'), readFolder),
  };
}

const optional = <T>(said: Said | undefined, read: (said: Said) => T): T | undefined =>
  said && read(said);

const wrong = ({ name, value }: Said, expected: string): OptionError =>
  new OptionError(`${name} is "${shorten(value)}", but must be ${expected}`);

/** Keeps a hostile or mistaken megabyte, and control characters, out of the message. */
function shorten(value: string): string {
  const plain = value.replaceAll(/\p{C}/gu, '?');
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain;
}

function readInterval(said: Said, site: SiteDefaults): number | 'auto' {
  if (said.value === 'auto') return 'auto';
  if (said.value === 'default') return site.intervalSeconds;
  const seconds = parseSlurmTime(said.value);
  if (seconds === undefined) throw wrong(said, `auto, or a time: ${SLURM_TIME_FORMATS}`);
  if (seconds === 0) throw wrong(said, 'more than zero');
  return seconds;
}

function readFolder(said: Said): string {
  if (!isAbsolute(said.value)) throw wrong(said, 'an absolute path, beginning with /');
  if (/[\0\n]/.test(said.value) || said.value.length > 3000) {
    throw wrong(said, 'a path without line breaks, of at most 3000 characters');
  }
  return said.value;
}

function readKeep(said: Said | undefined, site: SiteDefaults): number {
  if (!said) return site.keep;
  if (!/^[1-9]\d{0,2}$/.test(said.value)) throw wrong(said, 'a whole number from 1 to 999');
  return Number(said.value);
}

function readMode(said: Said | undefined, site: SiteDefaults): Mode {
  if (!said) return site.mode;
  const mode = MODES.find((known) => known === said.value);
  if (!mode) throw wrong(said, `one of: ${MODES.join(', ')}`);
  return mode;
}

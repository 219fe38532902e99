import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';

import { parse } from 'ini';
import * as v from 'valibot';

import { ConfigError, reasonOf, saysMissing } from './errors.ts';
import { CONFIG_FILE } from './layout.ts';
import { MODES } from './options.ts';
import { parseSlurmTime, SLURM_TIME_FORMATS } from './time.ts';

const DUMP_CAPABILITIES = ['dac_read_search', 'sys_ptrace', 'net_admin'] as const;

const time = v.pipe(
  v.string(),
  v.transform(parseSlurmTime),
  v.number(`must be a time: ${SLURM_TIME_FORMATS}`),
  v.minValue(1, 'must be more than zero'),
);
const count = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,4}$/, 'must be a whole number from 1 to 99999'),
  v.transform(Number),
);
const size = v.pipe(
  v.string(),
  v.regex(/^\d{1,9}[KMGT]?$/, 'must be a size such as 64M or 2G'),
  v.transform(bytesOf),
);
/** Infinity for `none`. */
const sizeOrNone = v.union(
  [
    v.pipe(
      v.literal('none'),
      v.transform(() => Infinity),
    ),
    size,
  ],
  'must be a size such as 64M or 2G, or none',
);
const path = v.pipe(
  v.string(),
  v.check(isPlainPath, 'must be an absolute path without quotes or line breaks'),
);
const words = v.pipe(
  v.string(),
  v.transform((text) => text.split(/[\s,]+/).filter((word) => word !== '')),
);

/** Every key of the ini file, with its default; etc/checkpointer.ini tells the admin what each means. */
const Site = v.strictObject({
  interval: v.optional(time, '0-1:00'),
  auto_interval_min: v.optional(time, '0-0:10'),
  auto_interval_max: v.optional(time, '0-4'),
  mean_time_between_failures: v.optional(time, '30-0'),
  mode: v.optional(v.picklist(MODES, `must be one of: ${MODES.join(', ')}`), 'requeue'),
  keep: v.optional(count, '2'),
  store: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => isPlainPath(text.replace(/^~/, '')),
        'must be an absolute path, or begin with ~/ (%u: user name)',
      ),
    ),
    '~/.checkpointer',
  ),
  scratch: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => text === 'none' || isPlainPath(text), 'must be an absolute path, or none'),
    ),
    '/var/tmp/slurm-checkpointer',
  ),
  store_limit: v.optional(sizeOrNone, 'none'),
  verify_limit: v.optional(sizeOrNone, 'none'),
  staging: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => text === 'none' || isPlainPath(text), 'must be an absolute path, or none'),
    ),
    'none',
  ),
  staging_limit: v.optional(sizeOrNone, 'none'),
  writers: v.optional(count, '2'),
  lease: v.optional(time, '1:00'),
  kill_wait: v.optional(time, '0:30'),
  restore_tries: v.optional(count, '3'),
  orphan_age: v.optional(time, '7-0'),
  slurmd_spool: v.optional(path, '/var/spool/slurmd'),
  local_folders: v.optional(
    v.pipe(
      words,
      v.check((all) => all.every(isPlainPath), 'must be absolute paths, separated by blanks'),
    ),
    '/tmp /var/tmp /dev/shm /run',
  ),
  output_copy_limit: v.optional(size, '64M'),
  delivery_limit: v.optional(time, '0-1:00'),
  path: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => text.split(':').every(isPlainPath),
        'must be absolute folders, separated by colons',
      ),
    ),
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ),
  dump_capabilities: v.optional(
    v.pipe(
      words,
      v.array(v.picklist(DUMP_CAPABILITIES, `must be among: ${DUMP_CAPABILITIES.join(', ')}`)),
    ),
    '',
  ),
});

export type SiteConfig = v.InferOutput<typeof Site>;

function isPlainPath(text: string): boolean {
  return isAbsolute(text) && !/['"\\\p{C}]/u.test(text) && !text.split('/').includes('..');
}

function bytesOf(text: string): number {
  const exponent = 'KMGT'.indexOf(text.at(-1) ?? '') + 1;
  return Number.parseInt(text, 10) * 1024 ** exponent;
}

/**
 * Reads the text of the ini file. Throws ConfigError naming the key, the value and what was expected.
 * @param file named in the message
 */
export function parseConfig(text: string, file: string = CONFIG_FILE): SiteConfig {
  const result = v.safeParse(Site, { ...parse(text) });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = v.getDotPath(issue)?.split('.')[0] ?? '?';
  if (issue.kind === 'schema' && issue.expected === 'never') {
    throw new ConfigError(`${file}: there is no key "${key}"; the known keys are: ${KEYS}`);
  }
  // As it stands in the file; `issue.input` is what became of it by then.
  const value = JSON.stringify(issue.path?.[0].value);
  throw new ConfigError(`${file}: ${key} = ${value} ${issue.message}`);
}

const KEYS = Object.keys(Site.entries).join(', ');

/** The site's configuration; a missing file means the defaults. Throws ConfigError. */
export function readConfig(file: string = CONFIG_FILE): SiteConfig {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (!saysMissing(error)) {
      throw new ConfigError(`${file} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  }
  return parseConfig(text, file);
}

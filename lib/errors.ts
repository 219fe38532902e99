/** Whose problem an error is decides its class; the exit statuses are sysexits.h's, so that they can be told from a program's own. */
export const EXIT_USAGE = 64;
export const EXIT_NOT_DELIVERED = 74;
export const EXIT_TEMPORARY = 75;

/** The job's owner asked for something that cannot be: the job does not start computing. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

/** The site's configuration cannot be used: jobs run unprotected until it is mended. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** An outside program failed; `tail` holds the last lines it said. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly tail: string;

  constructor(message: string, tail = '', options?: ErrorOptions) {
    super(message, options);
    this.tail = tail;
  }
}

/** A step that could not be done, with one sentence of cause and remedy for the job's output; nothing was lost by it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What libuv, which has no name for it, makes of EDQUOT. */
const NAMELESS = /(?:Unknown system error -122: )?Unknown system error -122/;

/** The message of anything that was thrown. */
export const reasonOf = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).replace(
    NAMELESS,
    'EDQUOT: disk quota exceeded',
  );

/** Whether an error says that a file is not there; any other (EIO, ESTALE, EACCES) says only that it cannot be had now, or here. */
export const saysMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

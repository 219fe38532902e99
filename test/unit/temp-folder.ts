import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

/** A folder of the running test's own, removed after it. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'checkpointer-unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Where the tools that the tests run are found. */
export const TOOLS = '/usr/local/bin:/usr/bin:/bin';

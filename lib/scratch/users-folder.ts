import { rmdir } from 'node:fs/promises';

import { saysMissing } from '../errors.ts';
import type { SiteConfig } from '../config.ts';
import { syslog } from '../system/syslog.ts';

/** Empties a folder as its user, and removes it, which only root can, when it is empty: root never walks through what a user could change. */
export async function removeUsersFolder(
  folder: string,
  asOwner: (...argv: string[]) => Promise<{ exitCode: number | undefined }>,
  config: SiteConfig,
): Promise<void> {
  // What the user has mounted there is not ours to empty, and may never answer.
  const empty = ['find', folder, '-xdev', '-mindepth', '1', '-delete'];
  if ((await asOwner(...empty)).exitCode !== 0) {
    await asOwner('chmod', '--recursive', 'u+rwX', '--', folder);
    await asOwner(...empty);
  }
  await removeIfEmpty(folder, config);
}

export async function removeIfEmpty(folder: string, config: SiteConfig): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (saysMissing(error)) return;
    await syslog('warning', `${folder} could not be removed: ${String(error)}`, config.path);
  }
}

// rm -rf that also gets rid of what a program made read-only (Go's module cache is). As the user, and links aren't followed.
import { rm } from 'node:fs/promises';
import { mustRun } from './exec.ts';

/** Throws when something stays. */
export async function removeTree(folder: string): Promise<void> {
  const remove = async (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await remove();
  } catch {
    await mustRun(['chmod', '--recursive', 'u+rwX', folder], { deadlineSeconds: 'none' });
    await remove();
  }
}

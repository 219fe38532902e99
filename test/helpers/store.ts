import { readdir, rm } from 'node:fs/promises';

import { outside } from './cluster.ts';
import type { Job } from './job.ts';
import type { User } from './user.ts';

const storeFolder = (user: User): string => `/home/${user.name}/.checkpointer`;

/** The committed checkpoints of a job, oldest first. */
export async function storeOf(user: User, job: Job): Promise<number[]> {
  const names = await readdir(outside(`${storeFolder(user)}/${job.name}`)).catch(() => []);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
}

export async function removeStore(user: User, job: Job): Promise<void> {
  await rm(outside(`${storeFolder(user)}/${job.name}`), { recursive: true, force: true });
}

/** What a job found in its folder when it began for the first time, and has put aside. */
export async function removePutAside(user: User, job: Job): Promise<void> {
  const folder = outside(storeFolder(user));
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${job.name}.left-`));
  await Promise.all(names.map(async (name) => rm(`${folder}/${name}`, { recursive: true })));
}

/** How a job has ended, which its Epilog leaves for a while. */
export const endNoteOf = (user: User, job: Job): string => `${storeFolder(user)}/${job.name}.over`;

/** Where results are that could not be delivered. */
export const undeliveredOf = (user: User, job: Job): string =>
  `${storeFolder(user)}/${job.name}.results`;

export async function removeUndelivered(user: User, job: Job): Promise<void> {
  await rm(outside(undeliveredOf(user, job)), { recursive: true, force: true });
}

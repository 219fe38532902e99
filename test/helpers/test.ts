import { test as base, type TestContext } from 'vitest';

import { User, type UserName } from './user.ts';

type Surroundings = Pick<TestContext, 'task' | 'onTestFinished'>;

/** Each user has a folder for this test, which stays only when the test fails. */
async function enter(name: UserName, { task, onTestFinished }: Surroundings): Promise<User> {
  const user = new User(name, task.name);
  await user.open();
  onTestFinished(async () => {
    if (task.result?.state === 'fail') console.log(`${task.name}\n${await user.abandon()}`);
    else await user.close();
  });
  return user;
}

/** `test` with the cluster's users. */
export const test = base.extend<{ alice: User; bob: User }>({
  alice: async ({ task, onTestFinished }, use) =>
    use(await enter('alice', { task, onTestFinished })),
  bob: async ({ task, onTestFinished }, use) => use(await enter('bob', { task, onTestFinished })),
});

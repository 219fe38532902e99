import { TestRunner } from 'vitest';

type Config = ConstructorParameters<typeof TestRunner>[0];

/** Runs the tests of a file side by side. vitest 4.1 reads `sequence.concurrent` from the root only,
 * for all projects alike: https://github.com/vitest-dev/vitest/issues/9645 */
export default class ConcurrentRunner extends TestRunner {
  constructor(config: Config) {
    super({ ...config, sequence: { ...config.sequence, concurrent: true } });
  }
}

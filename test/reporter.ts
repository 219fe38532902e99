import type { Reporter, TestModule } from 'vitest/node';

/** Ends the run with the line that CI reads: `N passed, N failed`. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length; // a file that could not be read has no tests to count
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failed += 1;
      }
    }
    // At exit, for the global teardown may still print, or fail.
    process.once('exit', (status) => {
      if (status !== 0 && failed === 0) failed = 1; // for instance, the cluster could not be set up
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
    });
  }
}

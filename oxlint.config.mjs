// Not .ts: that needs Node 22.18 or later, and the suite is for 20.19 and later.
import { defineConfig } from 'oxlint';

const PROGRAMS = ['execa', 'node:child_process', 'child_process'];
const EVERYTHING = [...PROGRAMS, 'fs-extra'];
const MIDDLE = ['criu', 'slurm', 'store', 'tree', 'scratch'];
const UPPER = ['hooks', 'test', 'supervisor', 'agent', 'epilog'];

const PROGRAMS_MESSAGE =
  'Programs are run by lib/system/run.ts alone (lib/tree/tree.ts may spawn the tree).';
const FS_EXTRA_MESSAGE =
  'fs-extra is for lib/store and lib/scratch; node:fs/promises does elsewhere.';
const LAYERS_MESSAGE =
  'Imports only go down: hooks > supervisor, agent, epilog > criu, slurm, store, tree, scratch > system > lib/*.ts. The five in the middle never import each other.';
const PLAIN_MESSAGE =
  'A plain lib/*.ts file is used by every folder and imports none (lib/hook.ts: only lib/system).';

/** What files may not import: some modules by name, and others by a pattern. A later entry replaces an earlier one. */
const forbid = (files, names, regex, message) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: names.map((name) => ({
          name,
          message: name === 'fs-extra' ? FS_EXTRA_MESSAGE : PROGRAMS_MESSAGE,
        })),
        patterns: [{ regex, message }],
      },
    ],
  },
});

/** Files that may not import from some folders. */
const below = (files, folders, names = EVERYTHING) =>
  forbid(files, names, `\\.\\./(${folders.join('|')})/`, LAYERS_MESSAGE);

/** A folder of the middle, which knows neither those above nor its neighbours. */
const middle = (folder, names = EVERYTHING, files = `lib/${folder}/**`) =>
  below([files], [...UPPER, ...MIDDLE.filter((other) => other !== folder)], names);

/** Plain files of lib, which import from none of these folders. */
const plain = (files, folders) =>
  forbid(files, EVERYTHING, `^(\\./(${folders.join('|')})|\\.\\./(hooks|test))/`, PLAIN_MESSAGE);

const all = (setting, ...rules) => Object.fromEntries(rules.map((rule) => [rule, setting]));

const PLUGINS = ['eslint', 'typescript', 'unicorn', 'oxc', 'import'];
const FOLDERS = ['supervisor', 'agent', 'epilog', ...MIDDLE];

export default defineConfig({
  plugins: PLUGINS,
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true, es2024: true },
  rules: {
    ...all('error', 'eqeqeq', 'prefer-const', 'no-var', 'import/no-cycle'),
    ...all('error', 'typescript/await-thenable', 'typescript/no-floating-promises'),
    ...all('error', 'typescript/no-misused-promises', 'typescript/return-await'),
    ...all('error', 'typescript/switch-exhaustiveness-check', 'typescript/only-throw-error'),
    ...all('error', 'typescript/use-unknown-in-catch-callback-variable'),
    ...all('error', 'typescript/no-explicit-any', 'typescript/consistent-type-imports'),
    ...all('error', 'unicorn/no-process-exit'),
    ...all('off', 'import/no-unassigned-import', 'no-underscore-dangle'),
    ...all('off', 'typescript/consistent-return', 'typescript/no-unsafe-type-assertion'),
    ...all('off', 'unicorn/consistent-function-scoping', 'unicorn/no-useless-spread'),
    ...all('off', 'unicorn/prefer-add-event-listener'),
    ...all('off', 'unicorn/require-post-message-target-origin'),
  },
  overrides: [
    below(['hooks/**'], ['test']),
    below(['lib/supervisor/**', 'lib/agent/**', 'lib/epilog/**'], ['hooks', 'test']),
    middle('criu'),
    middle('slurm'),
    middle('store', PROGRAMS),
    middle('tree'),
    middle('scratch', PROGRAMS),
    middle('tree', ['execa', 'child_process', 'fs-extra'], 'lib/tree/tree.ts'),
    below(['lib/system/**'], [...UPPER, ...MIDDLE]),
    below(['lib/system/run.ts'], [...UPPER, ...MIDDLE], ['fs-extra']),
    plain(['lib/*.ts'], [...FOLDERS, 'system']),
    plain(['lib/hook.ts'], FOLDERS),
    { files: ['lib/hook.ts'], rules: all('off', 'unicorn/no-process-exit') },
    {
      files: ['test/**'],
      plugins: [...PLUGINS, 'vitest'],
      rules: {
        ...all('error', 'vitest/no-focused-tests'),
        ...all('off', 'unicorn/no-process-exit', 'vitest/expect-expect'),
        ...all('off', 'vitest/no-conditional-expect', 'vitest/no-conditional-tests'),
        ...all('off', 'vitest/no-disabled-tests', 'vitest/no-standalone-expect'),
        ...all('off', 'vitest/require-to-throw-message', 'vitest/valid-title'),
        ...all('off', 'vitest/require-mock-type-parameters'),
      },
    },
  ],
});

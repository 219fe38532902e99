import { runHook } from '../lib/hook.ts';
import { takePart } from '../lib/supervisor/take-part.ts';
import { withoutProlog } from '../lib/supervisor/without-prolog.ts';

const [script = '', problem = ''] = process.argv.slice(2);
await runHook('TaskProlog', async () =>
  problem === 'no-prolog' ? withoutProlog(script) : takePart(script, problem),
);

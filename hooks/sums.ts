// The job's user, a short-lived child of the supervisor: the hashes of a checkpoint's files.
import { reasonOf } from '../lib/errors.ts';
import { inThisProcess } from '../lib/store/seal.ts';

const [verb = '', checkpoint = '', hash = '', limit = ''] = process.argv.slice(2);
try {
  const answer =
    verb === 'list' ? inThisProcess.list(checkpoint) : inThisProcess.damage(checkpoint, hash, Number(limit));
  process.stdout.write((await answer) ?? '');
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 1;
}

// The job's user, a short-lived child of the supervisor: the hashes of a checkpoint's files.
import { reasonOf } from '../lib/errors.ts';
import { inThisProcess } from '../lib/store/seal.ts';

const [verb = '', checkpoint = '', hash = '', limit = ''] = process.argv.slice(2);
try {
  const hashes = inThisProcess(true);
  const answer = verb === 'list' ? hashes.list(checkpoint) : hashes.damage(checkpoint, hash, Number(limit));
  process.stdout.write((await answer) ?? '');
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 1;
}

// A process that has files open, in a folder of a test's own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, '../../fixtures/holds.py');

/** @param files modes (see there) and files, in turn */
export async function holder(...files: string[]): Promise<AsyncDisposable & { pid: number }> {
  const child = spawn('python3', [PROGRAM, ...files], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const said = String(await Promise.race([once(child.stdout, 'data'), ended]));
  if (!said.startsWith('ready')) throw new Error(`the holder ended: ${said}`);
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

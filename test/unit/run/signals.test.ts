import { expect, test, vi } from 'vitest';
import { listenForSignals } from '../../../lib/run/signals.ts';

test('a signal is passed on, and may be Slurm’s word: it is looked at once in ten seconds', async () => {
  const handlers = new Map<string | symbol, (signal: string) => void>();
  vi.spyOn(process, 'on').mockImplementation((event, handler) => {
    handlers.set(event, handler);
    return process;
  });
  const comes = (signal: string): void => handlers.get(signal)?.(signal);
  const clock = vi.spyOn(performance, 'now').mockReturnValue(100_000);
  const signals = listenForSignals();
  const passedOn: string[] = [];
  signals.forwardTo((signal) => passedOn.push(signal));

  const first = signals.another();
  comes('SIGUSR1');
  expect(await first).toBe('signalled');
  const next = signals.another();
  comes('SIGUSR2');
  expect(await Promise.race([next, Promise.resolve('quiet')])).toBe('quiet');
  clock.mockReturnValue(111_000);
  comes('SIGUSR2');
  expect(await next).toBe('signalled');
  expect(passedOn).toEqual(['SIGUSR1', 'SIGUSR2', 'SIGUSR2']);
  vi.restoreAllMocks();
});

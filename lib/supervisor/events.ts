import { steadyNow } from '../time.ts';
import { earlySignal } from './early-signal.ts';

/** What can happen to a job from the supervisor's point of view. */
export type Event =
  | { readonly kind: 'script-ended' }
  /** SIGTERM: Slurm is about to end the job. */
  | { readonly kind: 'term' }
  /** A newer run of the job has taken over. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'due' };

/** Signals that are for the script. Slurm sends them to the process it watches, which is ours. */
const FORWARDED = [
  ...([
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGUSR1',
    'SIGUSR2',
    'SIGALRM',
    'SIGURG',
    'SIGCONT',
    'SIGXCPU',
  ] as const),
  ...([
    'SIGXFSZ',
    'SIGVTALRM',
    'SIGWINCH',
    'SIGIO',
    'SIGPWR',
    'SIGTSTP',
    'SIGTTIN',
    'SIGTTOU',
  ] as const),
] satisfies NodeJS.Signals[];

const STOPPING: readonly NodeJS.Signals[] = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'];

/** Signals that tell the script something, and not only whether it is to stand still, so that it has to hear of them even on another node. */
const MESSAGES: readonly string[] = FORWARDED.filter(
  (signal) => signal !== 'SIGCONT' && !STOPPING.includes(signal),
);
export const isMessage = (signal: string): signal is NodeJS.Signals => MESSAGES.includes(signal);

/** Events in their order, to be taken one at a time. */
export class Events {
  readonly #queue: Event[] = [];
  #wake: (() => void) | undefined;
  /** Whether Slurm has ever said that it ends this run. */
  termed = false;

  push(event: Event): void {
    this.termed ||= event.kind === 'term';
    this.#queue.push(event);
    this.#wake?.();
  }

  get termPending(): boolean {
    return this.#holds('term');
  }

  /** Whether another run has taken over: nothing of this one may be committed any more. */
  get supersededPending(): boolean {
    return this.#holds('superseded');
  }

  #holds(wanted: Event['kind']): boolean {
    return this.#queue.some(({ kind }) => kind === wanted);
  }

  /** Waits until there is an event to be taken. */
  async arrival(): Promise<void> {
    if (this.#queue.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The next event; `due` when none has come by then. @param at by steadyNow() */
  async next(at: number): Promise<Event> {
    for (;;) {
      const event = this.#queue.shift();
      if (event) return event;
      const patience = at - steadyNow();
      if (patience <= 0) return { kind: 'due' };
      await this.#sleep(patience);
    }
  }

  async #sleep(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      // Longer than 2^31 ms is no time for Node's timers.
      const timer = setTimeout(resolve, Math.min(milliseconds, 2 ** 31 - 1));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** How long after SIGCONT a signal that stops counts as older than that. */
const STALE_MS = 2000;

/**
 * Tells signals that stop from such as come too late. `scontrol suspend` sends SIGTSTP and then SIGSTOP to each process of the step, `resume`
 * SIGCONT (slurmstepd's req.c, _handle_suspend and _handle_resume). One that was on its way through this process when that was stopped comes
 * out behind the SIGCONT, which the script has had from Slurm itself: passed on, it would stop the script for good.
 */
export class JobControl {
  #continuedAt = -Infinity;

  /** @param now by steadyNow() */
  isToBePassedOn(signal: NodeJS.Signals, now: number): boolean {
    if (signal === 'SIGCONT') this.#continuedAt = now;
    return !STOPPING.includes(signal) || now - this.#continuedAt >= STALE_MS;
  }
}

/** Takes over the signals that Slurm and the job's owner send to the watched process. */
export function takeSignals(events: Events, forward: (signal: NodeJS.Signals) => void): void {
  process.on('SIGTERM', () => events.push({ kind: 'term' }));
  const control = new JobControl();
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      if (control.isToBePassedOn(signal, steadyNow())) forward(signal);
    });
  }
  if (earlySignal()) forward('SIGUSR1');
}

import { setTimeout as sleep } from 'node:timers/promises';

import {
  isRunning,
  killTree,
  processesOf,
  scriptOf,
  sendSignal,
  stopTree,
  type Tree,
} from '../tree/tree.ts';
import type { Harm } from './checkpoint.ts';
import type { Events } from './events.ts';

const GONE_PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 500;

/** The tree as it lives through starts, checkpoints and restores: who gets a signal now, and whose end is the script's end. */
export class LiveTree {
  readonly #events: Events;
  readonly #waitingSignals: NodeJS.Signals[] = [];
  readonly #stopped: number[] = [];
  #tree: Tree | undefined;
  /** One that is out of sight, for it may be ended on purpose. */
  #taken: Tree | undefined;
  #paused = false;
  #unwanted = false;
  /** Set when criu was broken off at the last try to save the tree. */
  brokenOff: Harm | undefined;

  constructor(events: Events) {
    this.#events = events;
  }

  /** A tree runs from now on; it gets the signals that came while there was none. */
  runs(tree: Tree): void {
    this.#tree = tree;
    this.#taken = undefined;
    if (this.#unwanted) {
      killTree(tree);
      return;
    }
    if (this.#paused) this.#stop();
    for (const signal of this.#waitingSignals.splice(0)) this.forward(signal);
    // It may have ended while nobody was to notice.
    if (!isRunning(tree)) this.ended();
  }

  /** The tree that runs. */
  look(): Tree {
    if (!this.#tree) throw new Error('there is no tree');
    return this.#tree;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stops the tree where it is; a process that was stopped before stays so afterwards. */
  pause(): void {
    this.#paused = true;
    this.#stop();
  }

  #stop(): void {
    if (this.#tree) this.#stopped.push(...stopTree(this.#tree));
  }

  resume(): void {
    this.#paused = false;
    for (const pid of this.#stopped.splice(0)) sendSignal(pid, 'SIGCONT');
  }

  /** Ends the tree at once, and any that should still come. Returns whether nothing of it runs any more. */
  async kill(): Promise<boolean> {
    this.#unwanted = true;
    const tree = this.#tree ?? this.#taken;
    this.#tree = undefined;
    if (!tree) return true;
    this.#taken = tree;
    const deadline = performance.now() + GONE_PATIENCE_MS;
    while (processesOf(tree).some(({ state }) => !/[ZX]/.test(state))) {
      if (performance.now() > deadline) return false;
      killTree(tree);
      await sleep(20);
    }
    return true;
  }

  /** Looks for the tree's end itself, now that nobody tells of it. */
  watchAlone(): void {
    const timer = setInterval(() => {
      if (!this.#tree || isRunning(this.#tree)) return;
      clearInterval(timer);
      this.ended();
    }, LOOK_EVERY_MS);
    timer.unref();
  }

  /** Takes the tree out of sight while it may be ended on purpose. */
  take(): Tree {
    const tree = this.look();
    this.#tree = undefined;
    this.#taken = tree;
    return tree;
  }

  /** Gives a signal to the script, as Slurm would. */
  forward(signal: NodeJS.Signals): void {
    if (!this.#tree) {
      this.#waitingSignals.push(signal);
      return;
    }
    const script = scriptOf(this.#tree);
    if (script !== undefined) sendSignal(script, signal);
  }

  /** Signals for a script that is to go on elsewhere. */
  get undelivered(): readonly NodeJS.Signals[] {
    return this.#unwanted ? [] : this.#waitingSignals;
  }

  /** Someone saw a tree end; while none is in sight, it was meant to. */
  ended(): void {
    if (this.#tree) this.#events.push({ kind: 'script-ended' });
  }
}

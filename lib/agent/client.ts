import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { reasonOf, Refusal } from '../errors.ts';
import { steadyNow } from '../time.ts';
import { Lines, Message, type Replies, type Request } from './protocol.ts';

/** The agent as its supervisor sees it. */
export class Agent {
  readonly #socket: Socket | undefined;
  readonly #waiting: { resolve: (message: Message) => void; reject: (error: Error) => void }[] = [];
  readonly #treeEnded: (() => void)[] = [];
  readonly #lost: (() => void)[] = [];
  #gone = false;
  #closing = false;

  /** Without a socket: an agent that is gone from the start. */
  private constructor(socket: Socket | undefined) {
    this.#socket = socket;
    this.#gone = socket === undefined;
    if (!socket) return;
    const lines = new Lines();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      for (const line of lines.take(chunk)) this.#take(v.parse(Message, JSON.parse(line)));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#gone = true;
      for (const { reject } of this.#waiting.splice(0)) reject(agentGone());
      if (!this.#closing) for (const listener of this.#lost) listener();
    });
  }

  /** @param patienceMs the agent starts when the TaskProlog rings, side by side with us */
  static async connect(path: string, patienceMs: number): Promise<Agent> {
    const deadline = steadyNow() + patienceMs;
    for (;;) {
      try {
        return new Agent(await connected(path));
      } catch (error) {
        if (steadyNow() > deadline) {
          throw new Refusal(`the agent cannot be reached (${reasonOf(error)})`, { cause: error });
        }
        await sleep(5);
      }
    }
  }

  /** Stands for an agent that could not be had: it refuses everything. */
  static absent(): Agent {
    return new Agent(undefined);
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Throws Refusal when the agent refuses or is gone. */
  async ask<K extends Request['kind']>(
    request: Extract<Request, { kind: K }>,
  ): Promise<Replies[K]> {
    if (this.#gone) throw agentGone();
    const message = await new Promise<Message>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket?.write(`${JSON.stringify(request)}\n`);
    });
    if (message.kind === 'answer') return message.answer as Replies[K];
    throw new Refusal(message.kind === 'refused' ? message.reason : 'the agent spoke out of turn');
  }

  onTreeEnded(listener: () => void): void {
    this.#treeEnded.push(listener);
  }

  /** It has ended without having been told to: it watches over nothing any more. */
  onLost(listener: () => void): void {
    this.#lost.push(listener);
  }

  close(): void {
    this.#closing = true;
    this.#socket?.end();
    this.#socket?.unref();
  }

  #take(message: Message): void {
    if (message.kind === 'tree-ended') for (const listener of this.#treeEnded) listener();
    else this.#waiting.shift()?.resolve(message);
  }
}

const agentGone = (): Refusal => new Refusal('the agent of this job has ended');

const connected = async (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });

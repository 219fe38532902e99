import { chownSync, existsSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

import * as v from 'valibot';

import type { SiteConfig } from '../config.ts';
import { reasonOf, Refusal } from '../errors.ts';
import type { Job } from '../job.ts';
import { runFolder, type RunFolder } from '../layout.ts';
import { isSpoolScript, spoolScriptPath } from '../slurm/spool.ts';
import { Fifo } from '../system/fifo.ts';
import type { Identity } from '../system/identity.ts';
import { syslog } from '../system/syslog.ts';
import { sendSignal } from '../tree/tree.ts';
import { removeAbandoned } from './abandoned.ts';
import { dump } from './dump.ts';
import { type LeftBehind, removeLeft, setAside } from './left-behind.ts';
import { memberOf } from './membership.ts';
import { JobMounts } from './mounts.ts';
import { Lines, MAX_LINE, Request, type Message, type Replies } from './protocol.ts';
import { type JobRecord, writeRecord } from './record.ts';
import { ForgedCheckpoint, restore, type Restored } from './restore.ts';
import { makeScratch, prepareScratchRoot } from './scratch.ts';
import { markInUse, sweepAfterPowerCut } from './sweep.ts';
import { WriterSlot } from './writers.ts';

/** How long an agent waits for a supervisor before it concludes that there will be none. */
const PATIENCE_MS = 120_000;

export type AgentSetting = {
  readonly job: Job;
  readonly config: SiteConfig;
  readonly libexec: string;
  readonly sluid: string | undefined;
};

/** The root half of a job: does for one supervisor, one request after the other, only what needs privilege. */
export class AgentServer {
  readonly #setting: AgentSetting;
  readonly #run: RunFolder;
  readonly #server: Server;
  #supervisor: { mounts: JobMounts; identity: Identity; socket: Socket } | undefined;
  #record: JobRecord | undefined;
  #restored: Restored | undefined;
  #resumed: Fifo | undefined;
  #criu: number | undefined;
  #slot: WriterSlot | undefined;
  #left: LeftBehind | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Makes `serve` return. */
  finish: () => void = () => undefined;

  constructor(setting: AgentSetting) {
    this.#setting = setting;
    this.#run = runFolder(setting.job.id);
    this.#server = createServer((socket) => this.#welcome(socket));
    // A supervisor needs one; a second makes room for one that comes after the first was lost.
    this.#server.maxConnections = 2;
  }

  /** Serves until the supervisor is gone. */
  async serve(): Promise<void> {
    const { uid, gid } = this.#setting.job;
    // The doorbell has made it, before its user could get in.
    chownSync(this.#run.resumed, uid, gid);
    this.#resumed = new Fifo(this.#run.resumed);
    const finished = new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#run.socket, resolve);
    });
    // In root's own folder, so nobody can have put another name in its place.
    chownSync(this.#run.socket, uid, gid);
    const swept = this.#sweep();
    const patience = setTimeout(() => this.#supervisor ?? this.finish(), PATIENCE_MS);
    await finished;
    clearTimeout(patience);
    this.close();
    if (this.#left) await removeLeft(this.#left, this.#setting.config);
    await swept;
  }

  /** What earlier runs have left on this node. */
  async #sweep(): Promise<void> {
    const { config, job } = this.#setting;
    try {
      await sweepAfterPowerCut(config, job);
      await removeAbandoned(config, job);
    } catch (error) {
      await syslog('warning', `removing what earlier jobs have left: ${reasonOf(error)}`);
    }
  }

  /** Ends what it started for the job; Slurm ends what is in the job's cgroup. */
  close(): void {
    clearInterval(this.#watch);
    this.#supervisor?.socket.destroy();
    this.#server.close();
    this.#giveSlot();
    if (this.#criu !== undefined) sendSignal(-this.#criu, 'SIGKILL');
    if (this.#restored) sendSignal(this.#restored.init, 'SIGKILL');
    this.#resumed?.[Symbol.dispose]();
    // Otherwise the name may be that of a later run.
    if (!this.#left) rmSync(this.#run.socket, { force: true });
  }

  #welcome(socket: Socket): void {
    const lines = new Lines();
    let queue = Promise.resolve();
    let waiting = 0;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#supervisor?.socket === socket) this.finish();
    });
    socket.on('data', (chunk: string) => {
      try {
        for (const line of lines.take(chunk)) {
          waiting += 1;
          if (waiting > 8) throw new Error('too many requests at once');
          queue = queue.then(async () => {
            say(socket, await this.#answer(line, socket));
            waiting -= 1;
          });
        }
      } catch {
        socket.destroy();
      }
    });
  }

  async #answer(line: string, socket: Socket): Promise<Message> {
    try {
      const request = v.parse(Request, JSON.parse(line));
      return { kind: 'answer', answer: await this.#carryOut(request, socket) };
    } catch (error) {
      return {
        kind: 'refused',
        reason: (error instanceof v.ValiError ? describe(error) : reasonOf(error)).slice(0, 2000),
      };
    }
  }

  async #carryOut(request: Request, socket: Socket): Promise<Replies[Request['kind']]> {
    const { job, config, libexec, sluid } = this.#setting;
    if (request.kind === 'hello') {
      if (this.#supervisor) throw new Refusal('this job has its supervisor');
      const mounts = new JobMounts(request.supervisor);
      const identity = memberOf(job, request.supervisor, sluid);
      if (!mounts.alive) throw new Refusal(`process ${request.supervisor} is gone`);
      this.#supervisor = { mounts, identity, socket };
      return { comment: job.comment, restarts: job.restarts, slurmConf: job.slurmConf };
    }
    if (this.#supervisor?.socket !== socket) throw new Refusal('say hello first');
    const { mounts } = this.#supervisor;
    switch (request.kind) {
      case 'register': {
        if (this.#record) throw new Refusal('this job is registered');
        const folderIn = (root: string): string | null => {
          if (root === 'none') return null;
          prepareScratchRoot(root);
          markInUse(root, job.id);
          return makeScratch(root, job.id, job);
        };
        const scratch = folderIn(config.scratch);
        const staging = folderIn(config.staging);
        this.#note({
          ...this.#supervisor.identity,
          groups: [...this.#supervisor.identity.groups],
          restarts: job.restarts,
          resultFolder: request.resultFolder,
          store: request.store,
          scratch,
          staging,
          results: 'pending',
          ending: 'unknown',
          agentPid: process.pid,
        });
        return { scratch, staging };
      }
      case 'dump': {
        const tree = memberOf(job, request.root, sluid);
        try {
          return await dump(
            {
              root: request.root,
              images: request.images,
              leaveRunning: request.leaveRunning,
              namespaces: this.#restored ?? mounts,
              identity: tree,
              runFolder: this.#run.path,
              libexec,
              path: config.path,
              capabilities: config.dump_capabilities,
            },
            (pid) => {
              this.#criu = pid;
            },
          );
        } finally {
          this.#criu = undefined;
        }
      }
      case 'restore':
        return this.#restore(request, socket);
      case 'take-slot': {
        this.#slot ??= await WriterSlot.take(config.writers, request.patienceMs, job.uid);
        return { taken: this.#slot !== undefined };
      }
      case 'give-slot': {
        this.#giveSlot();
        return {};
      }
      case 'end-tree': {
        await this.#endTree();
        return {};
      }
      case 'note': {
        const { results, ending } = request;
        if (this.#record) {
          this.#note({ ...this.#record, ...(results && { results }), ...(ending && { ending }) });
          if (results === 'superseded') this.#leave(this.#record);
        }
        return {};
      }
    }
  }

  async #restore(
    request: Extract<Request, { kind: 'restore' }>,
    socket: Socket,
  ): Promise<Replies['restore']> {
    const { job, config, libexec, sluid } = this.#setting;
    if (!this.#supervisor || !this.#resumed) throw new Refusal('the agent is not ready');
    const { mounts, identity } = this.#supervisor;
    // Right after a dump the tree that it ended may be on its way out.
    await this.#endTree();
    memberOf(job, mounts.pid, sluid);
    try {
      // Root binds this job's script there.
      if (!isSpoolScript(request.script, config.slurmd_spool, job.id)) {
        throw new ForgedCheckpoint(
          `${request.script} is no place of a job script (slurmd_spool = in checkpointer.ini)`,
        );
      }
      const restored = await restore(
        {
          ...request,
          supervisor: mounts,
          identity,
          currentScript: spoolScriptPath(config.slurmd_spool, job.nodeName, job.id),
          clocks: { monotonic: BigInt(request.monotonic), boottime: BigInt(request.boottime) },
          runFolder: this.#run,
          libexec,
          path: config.path,
        },
        this.#resumed,
      );
      this.#restored = restored;
      void restored.ended.then(() => {
        this.#restored = undefined;
        say(socket, { kind: 'tree-ended' });
      });
      return { kind: 'restored', root: restored.root };
    } catch (error) {
      if (!(error instanceof ForgedCheckpoint)) throw error;
      return { kind: 'forged', reason: error.message };
    }
  }

  /** Another run has the job, and no Epilog comes for this one. */
  #leave(record: JobRecord): void {
    if (this.#left) return;
    // Removes the socket's name; the supervisor's connection stays.
    this.#server.close();
    this.#left = setAside(this.#setting.job, record);
    // The Epilog, should there be one, finds nothing to end any more; and somebody else may hold this connection.
    this.#watch = setInterval(() => {
      if (!this.#supervisor?.mounts.alive) this.finish();
    }, 1000);
  }

  #giveSlot(): void {
    this.#slot?.give();
    this.#slot = undefined;
  }

  async #endTree(): Promise<void> {
    if (!this.#restored) return;
    sendSignal(this.#restored.init, 'SIGKILL');
    await this.#restored.ended;
  }

  #note(record: JobRecord): void {
    if (this.#left) throw new Refusal('another run has this job');
    if (!existsSync(this.#run.path)) throw new Refusal('the run folder of this job is gone');
    this.#record = record;
    writeRecord(this.#run.record, record);
  }
}

function say(socket: Socket, message: Message): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  // A peer that asks and never listens would fill our memory.
  if (socket.writableLength > MAX_LINE) socket.destroy();
}

const describe = (error: v.ValiError<typeof Request>): string => {
  const [issue] = error.issues;
  return `${v.getDotPath(issue) ?? 'the request'}: ${issue.message}`;
};

// core-PID.img: waits that CRIU's freeze has interrupted are begun anew, as the kernel would have done after a stop.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  bytesIn,
  changed,
  formatImage,
  formatMessage,
  messagesIn,
  numbersIn,
  readImage,
  type Message,
} from './protobuf.ts';

/** Fields of CRIU's images/{pstree,core,core-x86,sa,siginfo}.proto. */
const PSTREE = { pid: 1, threads: 5 };
const CORE = { machine: 1, x86: 2, task: 3, thread: 5 };
const X86 = { registers: 2 };
const REGISTER = { r10: 8, ax: 11, dx: 13, si: 14, di: 15, originalAx: 16, ip: 17, mode: 28 };
const TASK = { blocked: 5, pending: 10, actions: 15 };
const THREAD = { blocked: 6, pending: 9 };
const QUEUE = { signals: 1 };
const SIGNAL = { info: 1 };
const ACTION = { handler: 1 };

const X86_64 = 1n;
const NATIVE = 1n;
const EINTR = BigInt.asUintN(64, -4n);
const SYSCALL_BYTES = 2n; // of the instruction
const FUTEX_COMMAND = 0x7fn;
const FUTEX_WAIT_BITSET = 9n;
const SIG_IGN = 1n;
const SIGKILL = 9;
const SIGSTOP = 19;

type Registers = (name: keyof typeof REGISTER) => bigint;

const milliseconds = (value: bigint): number => Math.max(0, Number(BigInt.asIntN(32, value)) / 1000); // below 0: no end
const unlessNull = (pointer: bigint): number => (pointer === 0n ? 0 : Infinity);
const unlessSame = (request: bigint, remaining: bigint): number => (request === remaining ? 0 : Infinity);

/**
 * By how many seconds a wait may become longer when it is begun anew; by none, if it ends at a moment or never. Those are
 * here for which the freeze is an EINTR: the kernel gives it (epoll, sigtimedwait), or CRIU does, where the kernel would go
 * on with what is left (ERESTART_RESTARTBLOCK; compel_get_task_regs in CRIU's compel/arch/x86/src/lib/infect.c).
 * What is left of a sleep the kernel has already written to the program's second pointer: where that is the first, too (as
 * in sleep of glibc), the sleep goes on exactly. Other times behind a pointer are not sought in the pages: a program that
 * asked for the rest of its sleep goes on with it, and signal(7) tells the others to expect EINTR after a stop.
 */
const PROLONGED: Readonly<Record<string, (register: Registers) => number>> = {
  7: (register) => milliseconds(register('dx')), // poll
  35: (register) => unlessSame(register('di'), register('si')), // nanosleep
  128: (register) => unlessNull(register('dx')), // rt_sigtimedwait
  202: (register) => ((register('si') & FUTEX_COMMAND) === FUTEX_WAIT_BITSET ? 0 : Infinity), // futex: sem_timedwait
  230: (register) => unlessSame(register('dx'), register('r10')), // clock_nanosleep, not to a moment: that CRIU begins anew
  232: (register) => milliseconds(register('r10')), // epoll_wait
  281: (register) => milliseconds(register('r10')), // epoll_pwait
  441: (register) => unlessNull(register('r10')), // epoll_pwait2
};

/**
 * Of all threads. Not of a call that was interrupted before, and went on as restart_syscall: nobody knows its number.
 * @param longest seconds by which a wait may become longer: less than passes between two checkpoints, or it never ends
 * Throws when an image can't be written.
 */
export async function beginWaitsAnew(images: string, longest: number): Promise<void> {
  // What can't be read here, as a later CRIU's, is not worth a checkpoint: EINTR is what Linux documents for such a wait.
  const begun = await waitsIn(images, longest).catch(() => new Map<string, Buffer>());
  for (const [file, image] of begun) await writeFile(file, image);
}

async function waitsIn(images: string, longest: number): Promise<Map<string, Buffer>> {
  const begun = new Map<string, Buffer>();
  for (const task of readImage(await readFile(path.join(images, 'pstree.img')))) {
    const leader = await readFile(coreOf(images, numbersIn(task, PSTREE.pid)[0]));
    for (const thread of numbersIn(task, PSTREE.threads)) {
      const file = coreOf(images, thread);
      const image = withWaitBegunAnew(await readFile(file), leader, longest);
      if (image) begun.set(file, image);
    }
  }
  return begun;
}

const coreOf = (images: string, pid: bigint | undefined): string => path.join(images, `core-${pid}.img`);

/** The new contents of a thread's core image; undefined when they can stay. @param leader of its process the first thread's */
export function withWaitBegunAnew(image: Buffer, leader: Buffer, longest: number): Buffer | undefined {
  const [core] = readImage(image);
  const [info] = core && numbersIn(core, CORE.machine)[0] === X86_64 ? messagesIn(core, CORE.x86) : [];
  const [registers] = info ? messagesIn(info, X86.registers) : []; // none of a zombie
  if (!core || !info || !registers) return undefined;
  const register: Registers = (name) => numbersIn(registers, REGISTER[name])[0] ?? 0n;
  // A thread that isn't just coming from a system call has -1 for the original ax: Linux's entry code sets it for
  // interrupts and exceptions, and rt_sigreturn does, so that a call which a handler has interrupted stays so.
  if (register('ax') !== EINTR || register('mode') !== NATIVE) return undefined;
  const prolonged = PROLONGED[String(register('originalAx'))]?.(register) ?? Infinity;
  if (prolonged > longest || isAboutToHandle(core, readImage(leader)[0]!)) return undefined;
  const begun = changed(registers, {
    [REGISTER.ax]: register('originalAx'),
    [REGISTER.ip]: register('ip') - SYSCALL_BYTES,
  });
  const entry = changed(core, { [CORE.x86]: formatMessage(changed(info, { [X86.registers]: formatMessage(begun) })) });
  return formatImage([entry], image);
}

/**
 * Whether a handler runs as soon as the thread does: then the interruption is the signal's. (The stop of a tracer comes
 * before signals are taken off the queue: get_signal in Linux's kernel/signal.c.)
 */
function isAboutToHandle(core: Message, leader: Message): boolean {
  const [task = []] = messagesIn(leader, CORE.task);
  const [thread = []] = messagesIn(core, CORE.thread);
  const [blocked = 0n] = [...numbersIn(thread, THREAD.blocked), ...numbersIn(task, TASK.blocked)];
  const actions = messagesIn(task, TASK.actions);
  const pending = [...messagesIn(thread, THREAD.pending), ...messagesIn(task, TASK.pending)]
    .flatMap((queue) => messagesIn(queue, QUEUE.signals))
    .flatMap((signal) => bytesIn(signal, SIGNAL.info))
    .map((info) => info.readInt32LE(0));
  return pending.some((signal) => {
    if ((blocked >> BigInt(signal - 1)) & 1n) return false;
    const action = actions[signal - 1 - [SIGKILL, SIGSTOP].filter((without) => without < signal).length]; // they have none
    return !action || numbersIn(action, ACTION.handler)[0]! > SIG_IGN;
  });
}

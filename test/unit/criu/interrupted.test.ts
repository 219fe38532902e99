import { expect, test } from 'vitest';
import { withWaitBegunAnew } from '../../../lib/criu/interrupted.ts';
import { AFTER_CALL, image, leader, message, MODE, real, thread, type Registers, type Thread } from './core.ts';

const NONE = BigInt.asUintN(64, -1n);
const LONGEST = 60;
const SIGUSR1 = 10;
const SIGCHLD = 17;
const SIGRTMAX = 64;

const idle = leader({ ax: 0, originalAx: NONE });
const begun = (call: Registers): Registers => ({ ...call, ax: call.originalAx!, ip: AFTER_CALL - 2 });

const without = { timeout: BigInt.asUintN(64, -1n), pointer: 0 };
const POINTER = 0x7ffd35;

test.each<[string, Registers]>([
  ['epoll_wait without end', { originalAx: 232, r10: without.timeout }],
  ['epoll_wait without end, of 32 bits', { originalAx: 232, r10: 0xffff_ffff }],
  ['epoll_wait for a while', { originalAx: 232, r10: LONGEST * 1000 }],
  ['epoll_pwait without end', { originalAx: 281, r10: 0xffff_ffff }],
  ['epoll_pwait2 without end', { originalAx: 441, r10: without.pointer }],
  ['poll without end', { originalAx: 7, dx: 0xffff_ffff }],
  ['poll for a while', { originalAx: 7, dx: 1500 }],
  ['sigwaitinfo', { originalAx: 128, dx: without.pointer }],
  ['sem_timedwait, to a moment', { originalAx: 202, si: 0x189, r10: POINTER }],
  ['sleep, which has the rest where it had the whole', { originalAx: 230, dx: POINTER, r10: POINTER }],
  ['nanosleep with the rest where the whole was', { originalAx: 35, di: POINTER, si: POINTER }],
])('%s is begun anew', (_, call) => {
  expect(withWaitBegunAnew(thread(call), idle, LONGEST)).toEqual(thread(begun(call)));
  expect(withWaitBegunAnew(leader(call), leader(call), LONGEST)).toEqual(leader(begun(call)));
});

test.each<[string, Registers]>([
  ['epoll_wait for long', { originalAx: 232, r10: LONGEST * 1000 + 1 }],
  ['poll for long', { originalAx: 7, dx: 0x7fff_ffff }],
  ['epoll_pwait2 for a time in memory', { originalAx: 441, r10: POINTER }],
  ['sigtimedwait for a time in memory', { originalAx: 128, dx: POINTER }],
  ['a futex for a time in memory', { originalAx: 202, si: 0x80, r10: POINTER }],
  ['a sleep whose rest the program has asked for', { originalAx: 35, di: POINTER, si: POINTER + 16 }],
  ['a sleep whose rest nobody knows', { originalAx: 230, dx: POINTER, r10: 0 }],
  ['a read from a socket with a timeout', { originalAx: 45 }],
  ['a call that went on after another interruption', { originalAx: 219 }],
])('%s stays interrupted', (_, call) => {
  expect(withWaitBegunAnew(thread(call), idle, LONGEST)).toBeUndefined();
});

test.each<[string, Registers, Thread?]>([
  ['is not just coming from a call', { originalAx: NONE }],
  ['has its answer', { originalAx: 232, r10: without.timeout, ax: 1 }],
  ['CRIU lets begin anew by itself', { originalAx: 7, ax: 7, dx: 0xffff_ffff }],
  ['is in 32 bit mode', { originalAx: 7, dx: 0xffff_ffff, mode: MODE.compat }],
  ['is of another machine', { originalAx: 7, dx: 0xffff_ffff }, { machine: 3 }],
])('a thread that %s is left alone', (_, call, facts) => {
  expect(withWaitBegunAnew(thread(call, facts), idle, LONGEST)).toBeUndefined();
});

test('a zombie, which has no registers, is left alone', () => {
  const zombie = image(message([1, 1], [3, message([1, 6], [2, 0])]));
  expect(withWaitBegunAnew(zombie, zombie, LONGEST)).toBeUndefined();
});

const WAIT = { originalAx: 232, r10: without.timeout };
const bit = (signal: number): bigint => 1n << BigInt(signal - 1);

test.each([SIGUSR1, SIGCHLD, SIGRTMAX])(
  'a wait is interrupted where a handler of signal %i is about to run',
  (signal) => {
    const handles = { handled: [signal] };
    expect(withWaitBegunAnew(thread(WAIT, { pending: [signal] }), leader({}, handles), LONGEST)).toBeUndefined();
    expect(withWaitBegunAnew(thread(WAIT), leader({}, { ...handles, pending: [signal] }), LONGEST)).toBeUndefined();
  },
);

test('a signal that nobody handles interrupts no wait', () => {
  const process = leader({}, { pending: [SIGCHLD], handled: [SIGUSR1] });
  expect(withWaitBegunAnew(thread(WAIT), process, LONGEST)).toEqual(thread(begun(WAIT)));
});

test('a signal that the thread blocks, whatever the first one does, interrupts no wait', () => {
  const process = { pending: [SIGUSR1], handled: [SIGUSR1] };
  const blocks = { blocked: bit(SIGUSR1) };
  expect(withWaitBegunAnew(thread(WAIT, blocks), leader({}, process), LONGEST)).toEqual(thread(begun(WAIT), blocks));
  const first = leader(WAIT, { ...process, ...blocks });
  expect(withWaitBegunAnew(first, first, LONGEST)).toEqual(leader(begun(WAIT), { ...process, ...blocks }));
  const open = { blocked: bit(SIGCHLD) };
  expect(withWaitBegunAnew(thread(WAIT, open), leader({}, { ...process, ...blocks }), LONGEST)).toBeUndefined();
});

test('a real image keeps all else to the byte', () => {
  const dumped = real({ ax: 'fcffffffffffffffff01', ip: 'd6b48e02', lengths: ['c1', '9f', '94'] });
  const restored = real({ ax: 'e801', ip: 'd4b48e02', lengths: ['b9', '97', '8c'] });
  expect(withWaitBegunAnew(dumped, idle, LONGEST)).toEqual(restored);
});

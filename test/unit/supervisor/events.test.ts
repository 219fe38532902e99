import { describe, expect, test } from 'vitest';

import { steadyNow } from '../../../lib/time.ts';
import { Events, JobControl } from '../../../lib/supervisor/events.ts';

const NEVER = Infinity;
const PAST = 0;

describe('events', () => {
  test('come in their order, one at a time', async () => {
    const events = new Events();
    events.push({ kind: 'term' });
    events.push({ kind: 'script-ended' });
    events.push({ kind: 'term' });
    expect(await events.next(NEVER)).toEqual({ kind: 'term' });
    expect(await events.next(NEVER)).toEqual({ kind: 'script-ended' });
    expect(await events.next(NEVER)).toEqual({ kind: 'term' });
  });

  test('come before what is due', async () => {
    const events = new Events();
    events.push({ kind: 'script-ended' });
    expect(await events.next(PAST)).toEqual({ kind: 'script-ended' });
    expect(await events.next(PAST)).toEqual({ kind: 'due' });
  });

  test('wake who waits for them', async () => {
    const events = new Events();
    const waiting = events.next(NEVER);
    events.push({ kind: 'term' });
    expect(await waiting).toEqual({ kind: 'term' });
  });

  test('can be waited for without being taken', async () => {
    const events = new Events();
    const arrival = events.arrival();
    events.push({ kind: 'term' });
    await arrival;
    await events.arrival();
    expect(await events.next(PAST)).toEqual({ kind: 'term' });
  });

  test('that come together while somebody waits are all kept', async () => {
    const events = new Events();
    const waiting = events.next(NEVER);
    events.push({ kind: 'script-ended' });
    events.push({ kind: 'term' });
    expect(await waiting).toEqual({ kind: 'script-ended' });
    expect(await events.next(PAST)).toEqual({ kind: 'term' });
  });

  test('are due when their time comes', async () => {
    expect(await new Events().next(steadyNow() + 5)).toEqual({ kind: 'due' });
  });

  test('can be waited for longer than a timer of Node can count', async () => {
    const events = new Events();
    const waiting = events.next(steadyNow() + 2 ** 40);
    events.push({ kind: 'term' });
    expect(await waiting).toEqual({ kind: 'term' });
  });

  test('that were taken are no longer pending', async () => {
    const events = new Events();
    events.push({ kind: 'term' });
    await events.next(NEVER);
    expect(events.termPending).toBe(false);
  });
});

describe('a signal that stops', () => {
  test.each(['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const)('(%s) is passed on', (signal) => {
    expect(new JobControl().isToBePassedOn(signal, 1_000_000)).toBe(true);
  });

  test('is not passed on when it comes out behind the SIGCONT that followed it', () => {
    const control = new JobControl();
    expect(control.isToBePassedOn('SIGCONT', 5000)).toBe(true);
    expect(control.isToBePassedOn('SIGTSTP', 5001)).toBe(false);
    expect(control.isToBePassedOn('SIGUSR1', 5001)).toBe(true);
  });

  test('is passed on when it comes a while after a SIGCONT', () => {
    const control = new JobControl();
    control.isToBePassedOn('SIGCONT', 5000);
    expect(control.isToBePassedOn('SIGTSTP', 7000)).toBe(true);
  });
});

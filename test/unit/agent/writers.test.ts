import { describe, expect, test } from 'vitest';

import { placeToTakeOver } from '../../../lib/agent/writers.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const ALICE = 2001;
const BOB = 2002;

const held = (file: string, uid: number, heldMs: number) => ({ file, uid, heldMs });

describe('a place among the writers of a node', () => {
  test("stays its holder's while he has had it for less than an hour", () => {
    expect(placeToTakeOver([held('1', ALICE, 59 * MINUTE)], BOB)).toBeUndefined();
  });

  test('is for another user after an hour', () => {
    expect(placeToTakeOver([held('1', ALICE, HOUR + SECOND)], BOB)).toBe('1');
  });

  test("is for another user after a minute where its holder's user has a second one: the longest held", () => {
    const both = [held('1', ALICE, 61 * SECOND), held('2', ALICE, 70 * SECOND)];
    expect(placeToTakeOver(both, BOB)).toBe('2');
  });

  test('stays with several jobs of one user in their first minute', () => {
    const both = [held('1', ALICE, 59 * SECOND), held('2', ALICE, 30 * SECOND)];
    expect(placeToTakeOver(both, BOB)).toBeUndefined();
  });

  test('is not taken from others by a user who has one', () => {
    const mixed = [held('1', ALICE, 2 * HOUR), held('2', ALICE, 2 * HOUR), held('3', BOB, 0)];
    expect(placeToTakeOver(mixed, BOB)).toBeUndefined();
  });

  test("is not taken from the same user's job", () => {
    expect(placeToTakeOver([held('1', ALICE, 2 * HOUR)], ALICE)).toBeUndefined();
  });

  test("that was given back meanwhile is nobody's to take over", () => {
    expect(placeToTakeOver([undefined], BOB)).toBeUndefined();
  });
});

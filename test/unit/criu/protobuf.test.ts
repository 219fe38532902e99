import { expect, test } from 'vitest';
import { changed, formatImage, readImage } from '../../../lib/criu/protobuf.ts';
import { image } from './core.ts';

const core = (hex: string): Buffer => image(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

const fields = (second: string): string =>
  `08 ffffffffffffffffff01 ${second} 12 03 616263 1d 01020304 21 0102030405060708`;

test('fields of all types are written as they were read, and a changed one where it was', () => {
  const entry = core(fields('28 80808004'));
  expect(formatImage(readImage(entry), entry)).toEqual(entry);
  const [message = []] = readImage(entry);
  expect(formatImage([changed(message, { 5: 300n, 6: 1n })], entry)).toEqual(core(fields('28 ac02')));
});

test.each<[string, Buffer, RegExp]>([
  ['in a length', core('0801').subarray(0, 10), /in the middle/],
  ['in an entry', core('0801').subarray(0, -1), /in the middle/],
  ['in a number', core('08 80'), /odd number/],
  ['in bytes', core('12 03 6162'), /odd field/],
  ['for a type that protobuf has no more', core('0b'), /odd field/],
])('an image that ends %s is an error', (_, cut, complaint) => {
  expect(() => readImage(cut)).toThrow(complaint);
});

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files whose jobs take minutes by themselves, or of which there are dozens: whatever begins last, all wait for. */
const LONG = /\/(?:looper|forged|processes|endings)\.test\.ts$/;

/** Begins with what takes longest: a fresh clone knows no durations, and goes by the files' sizes. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- no array's: the sequencer's own
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

// Files outside of TMPDIR that a tree may write to, as they were when it was saved: part of the manifest.
import * as v from 'valibot';

export const Written = v.object({
  path: v.string(),
  size: v.number(),
  /** Nanoseconds since the epoch, which a number would not hold exactly. */
  mtime: v.string(),
  /** `appended`: the kernel lets nobody write elsewhere. `at-end`: as by a shell's `>`, which may also go back. */
  how: v.picklist(['appended', 'at-end', 'in-place']),
  /** SHA-256 of its first and last bytes (edgeOf()). */
  hash: v.string(),
  /** Its name in the checkpoint; none where its end can be cut off, or where it is too large. */
  copy: v.exactOptional(v.string()),
});
export type Written = v.InferOutput<typeof Written>;

/** Of more nobody makes a copy for every checkpoint. */
export const LARGE_BYTES = 64 * 1024 * 1024;

/** So many bytes at each end tell whether a file is still the same; all of one that isn't large, where its middle may change. */
export const edgeOf = ({ how }: Pick<Written, 'how'>): number => (how === 'at-end' ? LARGE_BYTES / 2 : 64 * 1024);

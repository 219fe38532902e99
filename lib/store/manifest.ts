import * as v from 'valibot';

export const MANIFEST_VERSION = 1;
export const MANIFEST_FILE = 'manifest.json';

const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
/** Nanoseconds, up to some thirty years. */
const clock = v.pipe(v.string(), v.regex(/^\d{1,18}$/));

/** What a checkpoint says of itself. Written last: without it, and without its folder's final name, there is no checkpoint. */
const Manifest = v.object({
  version: v.literal(MANIFEST_VERSION),
  jobId: natural,
  generation: natural,
  /** ISO 8601. */
  takenAt: v.string(),
  node: v.string(),
  kernel: v.string(),
  criu: v.string(),
  /** For people: `glibc 2.41`. */
  libc: v.optional(v.string()),
  /** The processor's features: a program may have chosen its code by them. */
  cpuFlags: v.string(),
  tree: v.object({
    /** Numbers of the tree's own pid namespace. */
    root: natural,
    script: natural,
    /** The highest number that any task, group or session has: new tasks must start above. */
    highest: v.pipe(natural, v.minValue(1), v.maxValue(4_194_304)),
    processes: natural,
  }),
  /** Of the tree's clocks, in nanoseconds, when it was frozen. */
  clocks: v.object({ monotonic: clock, boottime: clock }),
  groups: v.array(natural),
  /** Where Slurm's copy of the script was: bash keeps it open. */
  script: v.string(),
  /** Regular files outside TMPDIR that the tree has open for writing. */
  files: v.array(
    v.object({
      path: v.string(),
      size: natural,
      mtimeMs: v.number(),
      /** Written only at its end, so that what came later can be cut off; the rest of the file stays as it is. */
      appended: v.boolean(),
      /** Open in such a way that criu restores it however long it is. */
      appendOnly: v.optional(v.boolean()),
      /** Of the last bytes before `size`: tells a file that was replaced. */
      tail: v.string(),
    }),
  ),
  /** The job's own output files; `copy` is the file in the checkpoint that holds their content, when it was small enough. */
  outputs: v.array(v.object({ path: v.string(), size: natural, copy: v.optional(v.string()) })),
  /** TMPDIR's path, undefined when the job has none of its own. */
  scratch: v.optional(v.string()),
  /** Every file that a restore reads. */
  contents: v.array(v.object({ name: v.string(), size: natural, blake3: v.string() })),
  /** Where TMPDIR's contents belong when the job is over. */
  resultFolder: v.optional(v.string()),
  /**
   * Milliseconds that it took: with the tree standing still, and from the first look to the commit; and how long it had waited before that
   * for a place among the node's writers.
   */
  cost: v.object({ frozenMs: natural, wholeMs: natural, waitedMs: v.optional(natural, 0) }),
});

export type Manifest = v.InferOutput<typeof Manifest>;

export type ManifestOutcome =
  | { readonly kind: 'found'; readonly manifest: Manifest }
  | { readonly kind: 'foreign-version'; readonly version: string }
  | { readonly kind: 'damaged'; readonly reason: string }
  /** It is there, but cannot be read now or here: that says nothing of the checkpoint. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a manifest's text; the version is looked at before the shape is. */
export function parseManifest(text: string): ManifestOutcome {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { kind: 'damaged', reason: 'its manifest is no JSON' };
  }
  const version = v.safeParse(v.object({ version: v.number() }), raw);
  if (!version.success) return { kind: 'damaged', reason: 'its manifest has no version' };
  if (version.output.version !== MANIFEST_VERSION) {
    return { kind: 'foreign-version', version: String(version.output.version) };
  }
  const result = v.safeParse(Manifest, raw);
  if (result.success) return { kind: 'found', manifest: result.output };
  return {
    kind: 'damaged',
    reason: `its manifest has a wrong ${v.getDotPath(result.issues[0]) ?? 'shape'}`,
  };
}

// remap-fpath.img: files that are open, but no longer by the name that they were opened with.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../errors.ts';
import { numbersIn, readImage } from './protobuf.ts';

/** Of a remap_file_path_entry (CRIU's images/remap-file-path.proto); LINKED is the default. */
const TYPE = 3;
const LINKED = 0n;

/**
 * Whether the images refer to names that CRIU made for removed files which have another name still (--link-remap). It takes
 * those names away again when the tree runs on (cr_dump_finish in cr-dump.c), and no restore finds them.
 */
export async function haveLinkRemaps(images: string): Promise<boolean> {
  try {
    const entries = readImage(await readFile(path.join(images, 'remap-fpath.img')));
    return entries.some((entry) => (numbersIn(entry, TYPE)[0] ?? LINKED) === LINKED);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

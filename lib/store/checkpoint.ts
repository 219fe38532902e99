// Where the parts of a checkpoint are in its folder.
import path from 'node:path';

export type Checkpoint = {
  readonly number: number;
  readonly path: string;
  readonly images: string;
  readonly tmpdir: string;
};

export const checkpointAt = (folder: string, name: string, number: number): Checkpoint => {
  const at = path.join(folder, name);
  return { number, path: at, images: path.join(at, 'images'), tmpdir: path.join(at, 'tmpdir') };
};

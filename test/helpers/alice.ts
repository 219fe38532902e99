import { on } from './cluster.ts';

export const ALICE_UID = 2001;

/** Runs a command as alice on the controller's node, in a folder. Throws when it fails. */
export async function asAlice(folder: string, ...argv: string[]): Promise<string> {
  const id = String(ALICE_UID);
  return on(
    'ctl',
    ...['setpriv', '--reuid', id, '--regid', id, '--init-groups', 'env', '-i', '-C', folder],
    ...['HOME=/home/alice', 'USER=alice', 'PATH=/usr/bin:/bin', 'LANG=C.UTF-8', ...argv],
  );
}

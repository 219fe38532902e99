import { numbersOf, statusOf } from './proc.ts';

/** Who a process runs as. */
export type Identity = {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
};

/** The kernel's word for it, of a process that Slurm started: the user database may have changed since. */
export function identityOf(pid: number): Identity | undefined {
  const status = statusOf(String(pid));
  const [uid] = numbersOf(status?.get('Uid'));
  const [gid] = numbersOf(status?.get('Gid'));
  if (uid === undefined || gid === undefined) return undefined;
  return { uid, gid, groups: numbersOf(status?.get('Groups')) };
}

/**
 * The words that make root run the command after them as the user: no capability but the named ones, nothing of root's
 * environment. The capabilities are ambient, since an unprivileged program keeps no others across exec (capabilities(7)).
 */
export function asUser(
  identity: Identity,
  request: {
    path: string;
    capabilities?: readonly string[];
    env?: Readonly<Record<string, string>>;
  },
): string[] {
  const capabilities = ['-all', ...(request.capabilities ?? []).map((name) => `+${name}`)].join(
    ',',
  );
  const env = { PATH: request.path, LC_ALL: 'C.UTF-8', ...request.env };
  return [
    ...[
      'env',
      '--ignore-environment',
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ],
    ...['setpriv', '--reuid', String(identity.uid), '--regid', String(identity.gid)],
    ...(identity.groups.length > 0 ? ['--groups', identity.groups.join(',')] : ['--clear-groups']),
    ...['--inh-caps', capabilities, '--ambient-caps', capabilities, '--'],
  ];
}

// Who is connected to whom.
import { run } from '../system/exec.ts';
import { textOf } from '../system/proc.ts';
import type { Finding } from './open-files.ts';
import type { Process } from './processes.ts';

export type Connection = { readonly inode: number; readonly local: string; readonly remote: string };
export type UnixSocket = { readonly inode: number; readonly peer: number; readonly peerName: string };

export type Sockets = {
  readonly processes: readonly Process[];
  readonly tcp: readonly Connection[];
  readonly unix: readonly UnixSocket[];
};

type Found = readonly [Process, Finding];

/** Linux' net/tcp_states.h: established, one side has closed, or on the way to either. */
const CONNECTED = new Set(['01', '02', '04', '05', '08', '09', '0B']);

/** The connections in /proc/PID/net/tcp or tcp6 (proc_pid_net(5)): neither listening nor closed sockets. */
export function parseTcp(text: string): Connection[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', remote = '', state = '', , , , , , inode] = line.trim().split(/\s+/);
    return CONNECTED.has(state) ? [{ inode: Number(inode), local: address(local), remote: address(remote) }] : [];
  });
}

/** "0100007F:0050" → 127.0.0.1:80. An IPv4 address in IPv6's clothes is shown without them. */
function address(hexadecimal: string): string {
  const [host = '', port = ''] = hexadecimal.split(':');
  const bytes = Buffer.from(host, 'hex').swap32(); // as a little-endian machine prints its words
  const mapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff';
  const name =
    bytes.length === 4 || mapped
      ? bytes.subarray(-4).join('.')
      : `[${(bytes.toString('hex').match(/.{4}/g) ?? []).join(':')}]`;
  return `${name}:${Number.parseInt(port, 16)}`;
}

/** `u_str ESTAB 0 0 /run/a name 4711 * 4712`: the connected ones of ss(8); a name may have blanks in it. */
export function parseUnix(text: string): UnixSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, inode, peerName = '', peer] = /^u_\w+\s+\S+\s+\d+\s+\d+\s+.+? (\d+)\s+(\S.*?) (\d+)\s*$/.exec(line) ?? [];
    return peer === undefined || peer === '0' ? [] : [{ inode: Number(inode), peer: Number(peer), peerName }];
  });
}

/**
 * TCP: CRIU would need CAP_NET_ADMIN to restore a connection, even between two processes of the tree (TCP_REPAIR,
 * tcp_can_repair_sock in Linux; restore_tcp_conn_state in CRIU's sk-tcp.c). But the images are the user's, who could have
 * forged a process that keeps that capability.
 */
export function connectionFindings({ processes, tcp, unix }: Sockets): Found[] {
  const holders = new Map(processes.flatMap((process) => socketsOf(process).map((inode) => [inode, process] as const)));
  const byEnds = new Map(tcp.map(({ local, remote, inode }) => [`${local} ${remote}`, inode]));
  const overTcp = tcp.flatMap(({ inode, local, remote }): Found[] => {
    const [holder, other] = [holders.get(inode), holders.get(byEnds.get(`${remote} ${local}`) ?? 0)];
    return holder ? [[holder, other ? inside(other) : [`has a TCP connection to ${remote}`, CLOSE]]] : [];
  });
  const overUnix = unix.flatMap(({ inode, peer, peerName }): Found[] => {
    const holder = holders.get(inode);
    const service = peerName === '*' ? 'a service of the node' : peerName;
    return holder && !holders.has(peer) ? [[holder, [`is connected to ${service}`, CLOSE]]] : [];
  });
  return [...overTcp, ...overUnix];
}

const CLOSE = 'close the connection before the checkpoint';
const inside = ({ pid, name }: Process): Finding => [
  `has a TCP connection to process ${pid} (${name}) of the job`,
  'pipes and Unix sockets between them can be saved, TCP cannot',
];

const socketsOf = ({ open }: Process): number[] =>
  open.flatMap(({ link }) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []).map(Number);

export const readTcp = (pid: number): Connection[] =>
  ['tcp', 'tcp6'].flatMap((table) => parseTcp(textOf(`/proc/${pid}/net/${table}`) ?? ''));

/** /proc does not tell peers. Where there is no ss nothing is named here, and CRIU refuses by itself. */
export async function readUnix(): Promise<UnixSocket[]> {
  const { stdout } = await run(['ss', '--no-header', '--unix', '--all', '--numeric'], { deadlineSeconds: 60 });
  return parseUnix(stdout);
}

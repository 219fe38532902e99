import { expect, test } from 'vitest';
import { connectionFindings, parseTcp, parseUnix } from '../../../lib/tree/sockets.ts';
import { open, program } from './example.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 656 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0200000A:0050 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 20 4 30 10 -1
   2: 0100007F:1F91 0200000A:0050 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0000
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:0016 0000000000000000FFFF00000200007F:0050 08 00000000:00000000 00:00000000 00000000     0        0 12 1 0000
   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:0050 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0000
`;

test('connections are what is neither listening nor over', () => {
  expect(parseTcp(TCP)).toEqual([{ inode: 4711, local: '127.0.0.1:8080', remote: '10.0.0.2:80' }]);
});

test("IPv6's addresses are shown as such, IPv4's within them as their own", () => {
  expect(parseTcp(TCP6)).toEqual([
    { inode: 12, local: '127.0.0.1:22', remote: '127.0.0.2:80' },
    {
      inode: 13,
      local: '[2001:0db8:0000:0000:0000:0000:0000:0001]:22',
      remote: '[2001:0db8:0000:0000:0000:0000:0000:0002]:80',
    },
  ]);
});

test('Unix sockets are those that have a peer', () => {
  const lines = `u_str LISTEN 0      4096   /run/bus 1 * 0
u_str ESTAB  0      0      /run/a bus 2 * 3
u_str ESTAB  0      0      * 3 /run/a bus 2
u_dgr UNCONN 0      0      * 4 * 5 `;
  expect(parseUnix(lines)).toEqual([
    { inode: 2, peer: 3, peerName: '*' },
    { inode: 3, peer: 2, peerName: '/run/a bus' },
    { inode: 4, peer: 5, peerName: '*' },
  ]);
});

test('a connection is named by where it leads: out, to another process of the job, or to a service', () => {
  const client = program({
    pid: 11,
    name: 'client',
    open: [open('socket:[1]'), open('socket:[2]'), open('socket:[4]')],
  });
  const server = program({ pid: 12, name: 'server', open: [open('socket:[3]'), open('socket:[5]')] });
  const tcp = [
    { inode: 1, local: '10.0.0.1:5000', remote: '10.0.0.2:80' },
    { inode: 2, local: '127.0.0.1:5001', remote: '127.0.0.1:90' },
    { inode: 3, local: '127.0.0.1:90', remote: '127.0.0.1:5001' },
    { inode: 99, local: '10.0.0.1:1', remote: '10.0.0.9:9' },
  ];
  const unix = [
    { inode: 4, peer: 50, peerName: '/run/bus' },
    { inode: 5, peer: 4, peerName: '*' },
    { inode: 50, peer: 4, peerName: '*' },
  ];
  const found = connectionFindings({ processes: [client, server], tcp, unix });
  expect(found.map(([{ name }, [what]]) => `${name} ${what}`)).toEqual([
    'client has a TCP connection to 10.0.0.2:80',
    'client has a TCP connection to process 12 (server) of the job',
    'server has a TCP connection to process 11 (client) of the job',
    'client is connected to /run/bus',
  ]);
});

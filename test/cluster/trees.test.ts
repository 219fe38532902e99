import { expect } from 'vitest';

import { completed, movedAndCompleted } from '../helpers/moved.ts';
import { MOVED } from '../helpers/scripts.ts';
import { test } from '../helpers/test.ts';

test('a script of pipes, loops and several steps goes on in the middle of whatever line it was in', async ({
  alice,
}) => {
  const script = `#!/bin/bash
set -o pipefail
step() { for i in 1 2 3 4; do echo "$1 $i"; sleep 0.5; done; }
for round in a b c d e; do
  step $round | sed -u 's/^/[/' | while read -r line; do echo "$line]"; done | tee -a steps.txt | md5sum
done
(seq 1 100000 | while read -r n; do ((n % 20000)) || { echo "$n"; sleep 1; }; done) | tail -n 3
${MOVED}
join <(for i in 1 2 3; do echo $i left; sleep 0.5; done) <(for i in 1 2 3; do echo $i right; done)
{ sleep 2; false; } | cat
echo "status $? \${PIPESTATUS[*]}"
python3 -c 'import time
for i in range(5): time.sleep(0.5); print("python", i, flush=True)' | while read -r word; do echo "got $word"; done
sort <<< "$(for i in 3 1 2; do echo "here $i"; sleep 0.5; done)"
`;
  const job = await alice.submit({ script, comment: 'checkpoint=0:04' });
  const undisturbed = await alice.undisturbed({ script });
  await undisturbed.release();
  await movedAndCompleted(job, 3);
  await undisturbed.ended();
  expect(await job.ownOutput()).toBe(await undisturbed.ownOutput());
  expect(await alice.read('steps.txt')).toBe(await alice.read('undisturbed/steps.txt'));
});

test('a daemonised child moves along and loses nothing', async ({ alice }) => {
  await alice.write(
    'daemon.py',
    `import os, time
for _ in range(2):
    if os.fork(): os._exit(0)
    os.setsid()
for i in range(1, 25):
    with open('daemon.txt', 'a') as log: log.write('%d %d %d\\n' % (i, os.getpid(), os.getppid()))
    print('daemon', i, flush=True)
    time.sleep(0.5)
    while i == 20 and not os.path.exists('moved'): time.sleep(0.2)
`,
  );
  const job = await alice.submit({
    script: `#!/bin/bash
python3 daemon.py < /dev/null > daemon.log 2>&1
echo left
until grep -qs '^24 ' daemon.txt; do sleep 0.5; done
sleep 1
`,
    comment: 'checkpoint=0:04',
  });
  await movedAndCompleted(job, 2);
  expect(await job.ownOutput()).toBe('left\n');
  const lines = (await alice.read('daemon.txt'))
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  expect(lines.map(([number]) => Number(number))).toEqual(lines.map((_, index) => index + 1));
  expect(lines).toHaveLength(24);
  expect(new Set(lines.map(([, pid, parent]) => `${pid} ${parent}`)).size).toBe(1);
  expect(await alice.read('daemon.log')).toBe(
    lines.map((_, index) => `daemon ${index + 1}\n`).join(''),
  );
});

test('a daemon whose session has lost its leader moves along, and so does one whose leader lives', async ({
  alice,
}) => {
  await alice.write(
    'daemons.py',
    `import os, sys, time
leader_lives = sys.argv[1] == 'lives'
if os.fork(): os._exit(0)
os.setsid()
leader = os.getpid()
if os.fork():
    while leader_lives and not os.path.exists('finish'): time.sleep(0.2)
    os._exit(0)
middle = os.getpid()
if leader_lives and os.fork(): os._exit(0)
while os.getppid() == (middle if leader_lives else leader): time.sleep(0.01)
number = 0
with open(sys.argv[1] + '.txt', 'w') as file:
    while not os.path.exists('finish'):
        number += 1
        print(number, os.getppid(), os.getpgrp(), file=file, flush=True)
        time.sleep(0.1)
    print('end', file=file)
`,
  );
  const job = await alice.submit({
    script: `#!/bin/bash
python3 daemons.py lives
python3 daemons.py ended
until [ -e finish ]; do sleep 0.2; done
until grep -qs end lives.txt && grep -qs end ended.txt; do sleep 0.2; done
`,
    comment: 'checkpoint=0:06',
  });
  await job.restored(3);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  for (const name of ['lives', 'ended']) {
    const lines = (await alice.read(`${name}.txt`)).trimEnd().split('\n');
    expect(lines.at(-1)).toBe('end');
    const said = lines.slice(1, -1).map((line) => line.split(' '));
    expect(said.map(([number]) => Number(number))).toEqual(said.map((_, index) => index + 2));
    expect(new Set(said.map(([, parent, group]) => `${parent} ${group}`)).size, name).toBe(1);
  }
});

test('a signal after a move reaches the script, not a daemon that it started first', async ({
  alice,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash
trap 'echo script; exit 6' USR1
(trap 'echo daemon' USR1; setsid bash -c 'exec sleep 1000' & ) < /dev/null > /dev/null 2>&1
while :; do sleep 0.2; done
`,
    comment: 'checkpoint=0:12',
  });
  await job.restored(2);
  await alice.run('scancel', '--batch', '--signal=USR1', job.name);
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '6:0' });
  expect(await job.ownOutput()).toBe('script\n');
});

test('a zombie that its parent has not buried moves along', async ({ alice }) => {
  await alice.write(
    'zombie.py',
    `import os, time
child = os.fork()
if child == 0: os._exit(9)
while not os.path.exists('finish'): time.sleep(0.2)
print(os.waitpid(child, 0)[1] >> 8)
`,
  );
  const job = await alice.submit({
    script: '#!/bin/bash\npython3 zombie.py\n',
    comment: 'checkpoint=0:04',
  });
  await job.movedAround(2);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('9\n');
});

test('threads with locks, and two processes with a pipe and a file lock, count right', async ({
  alice,
}) => {
  await alice.write(
    'threads.py',
    `import os, threading, time
total, lock, turn = 0, threading.Lock(), threading.Barrier(4)
def work(number):
    global total
    for i in range(12):
        with lock: total += number
        time.sleep(1)
        while i == 10 and not os.path.exists('moved'): time.sleep(0.2)
        turn.wait()
threads = [threading.Thread(target=work, args=(n,)) for n in (1, 10, 100, 1000)]
for t in threads: t.start()
for t in threads: t.join()
print('total', total)
`,
  );
  await alice.write(
    'locked.py',
    `import fcntl, os, sys, time
file = os.open('counter', os.O_RDWR | os.O_CREAT, 0o600)
def add(times):
    for i in range(times):
        while i == 15 and not os.path.exists('moved'): time.sleep(0.2)
        fcntl.flock(mine, fcntl.LOCK_EX)
        value = int(os.pread(mine, 20, 0) or b'0')
        time.sleep(0.3)
        os.pwrite(mine, b'%d' % (value + 1), 0)
        fcntl.flock(mine, fcntl.LOCK_UN)
        os.write(out, b'.')
end, out = os.pipe()
if os.fork() == 0:
    mine = os.open('counter', os.O_RDWR); add(20); os._exit(0)
mine = os.open('counter', os.O_RDWR); add(20)
os.wait(); os.close(out)
print('counter', os.pread(file, 20, 0).decode(), len(os.read(end, 100)))
`,
  );
  const job = await alice.submit({
    script: `#!/bin/bash
python3 threads.py > threads.out &
python3 locked.py
wait
cat threads.out
`,
    comment: 'checkpoint=0:04',
  });
  await movedAndCompleted(job, 2);
  expect(await job.ownOutput()).toBe('counter 40 40\ntotal 13332\n');
});

test('clocks since boot go on where they stood, on nodes whose uptimes differ by days', async ({
  alice,
}) => {
  await alice.write(
    'clocks.py',
    `import os, time
clocks = [time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME]
before = [time.clock_gettime(c) for c in clocks]
for i in range(30):
    time.sleep(0.5)
    while i == 25 and not os.path.exists('moved'): time.sleep(0.2)
    now = [time.clock_gettime(c) for c in clocks]
    print(*('%.3f' % (n - b) for n, b in zip(now, before)), flush=True)
    before = now
`,
  );
  const job = await alice.submit({
    script: '#!/bin/bash\npython3 clocks.py\n',
    comment: 'checkpoint=0:04',
  });
  await movedAndCompleted(job);
  const steps = (await job.ownOutput()).trim().split(/\s+/).map(Number);
  expect(steps).toHaveLength(60);
  // Uptimes are 500,000 s apart.
  for (const step of steps) {
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(100_000);
  }
});

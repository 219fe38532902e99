import { chmod, readdir, readFile, rm } from 'node:fs/promises';

import { expect } from 'vitest';

import { outside } from '../helpers/cluster.ts';
import { allowComplaints } from '../helpers/leftovers.ts';
import { movedAndCompleted } from '../helpers/moved.ts';
import { counting, numbers, waitFor } from '../helpers/scripts.ts';
import { removeUndelivered, undeliveredOf } from '../helpers/store.ts';
import { test } from '../helpers/test.ts';

const WAYS = [
  {
    from: 'the comment, before environment and script',
    ways: ['comment', 'environment', 'script'],
  },
  { from: 'the environment, before the script', ways: ['environment', 'script'] },
  { from: 'the script', ways: ['script'] },
] as const;

for (const { from, ways } of WAYS) {
  test(`results are delivered without checkpoints to the folder named by ${from}`, async ({
    alice,
  }) => {
    for (const way of ways) await alice.makeFolder(alice.path(way));
    const has = (way: string): boolean => (ways as readonly string[]).includes(way);
    const job = await alice.submit({
      script: `#!/bin/bash
${has('script') ? `export RESULT_FOLDER="${alice.path('script')}"` : ''}
mkdir -p "$TMPDIR/below"; echo 1 > "$TMPDIR/below/file"; echo 2 > "$TMPDIR/.hidden"
`,
      environment: has('environment') ? { RESULT_FOLDER: alice.path('environment') } : {},
      ...(has('comment') ? { comment: `results=${alice.path('comment')}` } : {}),
    });
    expect(await job.ended()).toEqual({ state: 'COMPLETED', exitCode: '0:0', restarts: 0 });
    const [winner, ...others] = ways;
    expect((await readdir(outside(alice.path(winner)))).toSorted()).toEqual(['.hidden', 'below']);
    expect(await alice.read(`${winner}/below/file`)).toBe('1\n');
    for (const way of others) expect(await readdir(outside(alice.path(way)))).toEqual([]);
    expect(await job.told()).toContain(`Final result copied to ${alice.path(winner)}`);
  });
}

const SPOILT = [
  {
    how: 'has gone',
    spoil: async (folder: string) => rm(folder, { recursive: true }),
  },
  { how: 'may not be written', spoil: async (folder: string) => chmod(folder, 0o500) },
] as const;

for (const { how, spoil } of SPOILT) {
  for (const { end, exitCode } of [
    { end: 0, exitCode: '74:0' },
    { end: 3, exitCode: '3:0' },
  ]) {
    test(`results whose folder ${how} are kept in the store, and a job that would end ${end} ends ${exitCode}`, async ({
      alice,
    }) => {
      const folder = await alice.makeFolder(alice.path('results'));
      const job = await alice.submit({
        script: `#!/bin/bash\necho result > $TMPDIR/file\necho begin\n${waitFor('go')}\nexit ${end}\n`,
        comment: `results=${folder},checkpoint=5`,
      });
      await job.says('begin');
      allowComplaints(new RegExp(`job ${job.name}: results not delivered to ${folder}`));
      await spoil(outside(folder));
      await alice.touch('go');
      expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode });
      const kept = undeliveredOf(alice, job);
      expect(await readFile(outside(`${kept}/file`), 'utf8')).toBe('result\n');
      expect((await job.told()).at(-1)).toMatch(
        new RegExp(
          `^The results could not be copied to ${folder}: .*They are kept in ${kept}: copy`,
        ),
      );
      await removeUndelivered(alice, job);
    });
  }
}

test('TMPDIR is carried exactly: every kind of file, odd names, times to the nanosecond', async ({
  alice,
}) => {
  await alice.write(
    'make.py',
    `import os
os.chdir(os.environ['TMPDIR'])
os.makedirs('a/b/c'); os.mkdir('empty')
open('a/plain', 'w').write('text')
os.link('a/plain', 'a/b/hard'); os.symlink('../a/plain', 'a/soft'); os.symlink('/no/where', 'dangling')
os.mkfifo('fifo', 0o640)
with open('sparse', 'wb') as f: f.truncate(50 << 20); f.seek(30 << 20); f.write(b'middle')
for name in (b'blank and\\nbreak', b"quote ' \\" \\\\ *", b'bytes \\xff\\xfe', b'-dash', b'.hidden', b'\\xc3\\xa4'): open(name, 'wb').write(name)
os.utime('a/plain', ns=(1111111111123456789, 1222222222987654321))
os.utime('empty', ns=(1, 1333333333000000007))
os.chmod('a/b/hard', 0o4751)
os.mkdir('closed'); open('closed/inside', 'w').write('in'); os.chmod('closed/inside', 0o400); os.chmod('closed', 0o500)
`,
  );
  await alice.write(
    'list.py',
    `import hashlib, os
os.chdir(os.environ['TMPDIR'])
inodes = {}
for root, folders, files in os.walk(b'.'):
    folders.sort()
    for name in sorted(folders + files):
        path = os.path.join(root, name)
        s = os.lstat(path)
        first = inodes.setdefault(s.st_ino, path)
        more = os.readlink(path) if os.path.islink(path) else b''
        if oct(s.st_mode).startswith('0o100') and s.st_mode & 0o400: more = hashlib.md5(open(path, 'rb').read()).hexdigest()
        print(path, oct(s.st_mode), s.st_nlink, s.st_size, s.st_mtime_ns, first, more, 'sparse' if s.st_blocks * 512 < s.st_size else '')
`,
  );
  // The nodes' small Python has no mmap; Perl can call the kernel (x86-64: 9 mmap, 17 pread64): a byte for each page.
  await alice.write(
    'mapped.pl',
    `open my $file, '+>', "$ENV{TMPDIR}/mapped"; truncate $file, 1 << 20;
open my $bytes, '<', $0;
my $at = syscall 9, 0, 1 << 20, 3, 1, fileno $file, 0;
for my $page (0 .. 255) { syscall 17, fileno $bytes, $at + $page * 4096, 1, 0; select undef, undef, undef, 0.1 }
open my $again, '<', "$ENV{TMPDIR}/mapped"; local $/; my $text = <$again>; print $text =~ tr/o//, "\\n";
`,
  );
  const job = await alice.submit({
    script: `#!/bin/bash
python3 make.py && python3 list.py > before
perl mapped.pl > mapped.out &
${waitFor('look')}
python3 list.py | grep -v mapped > after
wait
chmod u+w $TMPDIR/closed
`,
    comment: 'checkpoint=0:06',
  });
  await job.restored(2);
  await alice.touch('look');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await alice.read('after')).toBe(await alice.read('before'));
  expect((await alice.read('before')).split('\n').length).toBeGreaterThan(15);
  expect(await alice.read('mapped.out')).toBe('256\n');
  expect(await job.ownOutput()).toBe('');
});

test('results that a job made on several nodes are delivered together', async ({ alice }) => {
  const job = await alice.submit({
    script: counting(14, 'exit 0').replace('echo $i', 'echo $i | tee -a $TMPDIR/all > $TMPDIR/$i'),
    comment: `checkpoint=0:05,results=${await alice.makeFolder(alice.path('results'))}`,
  });
  await movedAndCompleted(job, 2);
  expect(await alice.read('results/all')).toBe(numbers(14));
  expect(await readdir(outside(alice.path('results')))).toHaveLength(15);
});

# Counts to its output, to files that it opened once for writing and for appending, to one in TMPDIR, and through a pipe
# to a second process, which writes to another.
import os, sys, time
steps, seconds, megabytes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
ballast = bytearray(megabytes << 20)
for i in range(0, len(ballast), 4096): ballast[i] = i >> 12 & 255
end, start = os.pipe()
if os.fork() == 0:
    os.close(start)
    with open('through-pipe.txt', 'w') as file, os.fdopen(end) as pipe:
        for line in pipe: file.write(line); file.flush()
    os._exit(0)
os.close(end)
inside = os.open(os.environ['INSIDE'] + '/inside.txt', os.O_RDWR | os.O_CREAT, 0o644)
sinks = [1, start, inside, os.open('fresh.txt', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
    os.open('appended.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)]
for number in range(1, steps + 1):
    for sink in sinks: os.write(sink, b'%d\n' % number)
    # Changed in its middle, which only TMPDIR may be.
    os.pwrite(inside, b'*', (number * 7919) % os.fstat(inside).st_size)
    time.sleep(seconds)
os.close(start)
os.wait()
if any(ballast[i] != i >> 12 & 255 for i in range(0, len(ballast), 4096)): print('memory changed')

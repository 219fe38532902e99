# Many processes, each with a file, a pipe to their parent and a status of its own; and one that has left its parent and session.
import os, sys, time
steps, seconds = int(sys.argv[1]), float(sys.argv[2])
COUNT = 15

def work(name, state):
    with open(name, 'w') as file:
        for step in range(steps):
            state = (state * 1103515245 + 12345) & 0x7fffffff
            file.write('%d %d\n' % (step, state)); file.flush()
            time.sleep(seconds)
    return state

over, alive = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(over)
        work('daemon.txt', 4711)
    os._exit(0)
os.close(alive)
os.wait()
children = {}
for number in range(COUNT):
    end, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(start, b'%d' % work('child-%d.txt' % number, number))
        os._exit(number % 7)
    os.close(start)
    children[pid] = number, end
said = {}
while children:
    pid, status = os.wait()
    number, end = children.pop(pid)
    said[number] = os.read(end, 100).decode(), os.waitstatus_to_exitcode(status)
for number in sorted(said): print(number, *said[number])
assert os.read(over, 1) == b''

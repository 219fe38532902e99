# The clocks since boot go on where they stood, though uptimes of nodes differ by days; and so do timers that go by them.
import signal, sys, time
steps, seconds = int(sys.argv[1]), float(sys.argv[2])
# More than any fault lasts, and far less than nodes differ.
JUMP = 1000
rung = 0

def ring(*_):
    global rung
    rung += 1

signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
clocks = {'monotonic': time.CLOCK_MONOTONIC, 'boottime': time.CLOCK_BOOTTIME}
last = {name: time.clock_gettime(clock) for name, clock in clocks.items()}
for step in range(1, steps + 1):
    before = rung
    while rung == before: time.sleep(max(seconds, 0.01))
    for name, clock in clocks.items():
        now = time.clock_gettime(clock)
        if not 0 <= now - last[name] < JUMP: print(name, 'jumped from', last[name], 'to', now)
        last[name] = now
    print(step)
# Python gives up its handler before it ends: a timer that rings then ends it by a signal.
signal.setitimer(signal.ITIMER_REAL, 0)

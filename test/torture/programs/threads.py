# Threads that hand a token round.
import os, sys, threading, time
steps, seconds = int(sys.argv[1]), float(sys.argv[2])
COUNT = 6
turn, log, changed = 0, [], threading.Condition()
inside = open(os.environ['INSIDE'] + '/turns.txt', 'w')

def run(me):
    global turn
    while True:
        with changed:
            # The time-out is one that a clock which jumps would break.
            while turn % COUNT != me and turn < steps: changed.wait(timeout=60)
            if turn >= steps: return changed.notify_all()
            log.append(me)
            print('turn', turn, 'of thread', me)
            inside.write('%d\n' % me); inside.flush()
            time.sleep(seconds)
            turn += 1
            changed.notify_all()

threads = [threading.Thread(target=run, args=(me,)) for me in range(COUNT)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(log), sum(place * me for place, me in enumerate(log)))

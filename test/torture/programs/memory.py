# Changes memory all over, and tells its checksum now and then.
import hashlib, sys, time
steps, seconds, megabytes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
size = (megabytes or 1) << 20
memory = bytearray(size)
state = 1
for step in range(1, steps + 1):
    for _ in range(2000):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
        memory[(state >> 16) % size] ^= state >> 56
    if step % 10 == 0: print(step, hashlib.sha256(memory).hexdigest())
    time.sleep(seconds)
print(hashlib.sha256(memory).hexdigest())

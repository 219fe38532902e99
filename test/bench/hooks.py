"""Times the hooks as whole processes, inside a node, as root: hooks.py FOLDER, where a plain job has left its environment.

Everything is started by posix_spawn from small servers that stand where Slurm's own processes stand: root's for Prolog and
Epilog, the user's in a batch step's cgroup and in a srun step's for TaskProlog. Prints JSON: nanoseconds of every run.
"""
import json, os, sys, time

HOOKS = '/opt/slurm-checkpointer/hooks'
TRUE = ['/bin/true']
UID = 2001
CYCLES = 60
ROUNDS = 9
AT_ONCE = 64
JOB = 999999
GROUPS = '/sys/fs/cgroup/freezer/bench'
SPOOL = f'/var/spool/slurmd/job{JOB}'

folder = sys.argv[1]
entries = open(f'{folder}/environ', 'rb').read().split(b'\0')
of_task = dict(entry.split(b'=', 1) for entry in entries if b'=' in entry)
of_task[b'SLURM_JOB_ID'] = str(JOB).encode()
of_prolog = {
    'SLURM_JOB_ID': str(JOB), 'SLURM_JOBID': str(JOB), 'SLURM_JOB_UID': str(UID), 'SLURM_UID': str(UID),
    'SLURM_JOB_GID': str(UID), 'SLURM_JOB_USER': 'alice', 'SLURM_JOB_GROUP': 'alice', 'SLURMD_NODENAME': os.uname().nodename,
    'SLURM_CONF': '/etc/slurm/slurm.conf', 'SLURM_CLUSTER_NAME': 'sandbox', 'SLURM_JOB_PARTITION': 'main',
    'SLURM_JOB_RESTART_COUNT': '0', 'SLURM_SCRIPT_CONTEXT': 'prolog_slurmd', 'SLURM_WCKEY': '', 'SLURM_JOB_COMMENT': '',
}


def one(argv, env):
    """From the start until it has ended and nobody holds its output, as slurmd waits for a hook."""
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    start = time.monotonic_ns()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    os.close(writer)
    while os.read(reader, 4096):
        pass
    os.waitpid(pid, 0)
    elapsed = time.monotonic_ns() - start
    os.close(reader)
    return elapsed


def many(argv, env):
    start = time.monotonic_ns()
    pids = [os.posix_spawn(argv[0], argv, env) for _ in range(AT_ONCE)]
    for pid in pids:
        os.waitpid(pid, 0)
    return time.monotonic_ns() - start


class Server:
    """A small process that starts programs on request; it stands in a cgroup, and belongs to a user."""

    def __init__(self, uid, cgroup, env):
        down, to_server = os.pipe()
        from_server, up = os.pipe()
        if os.fork() == 0:
            os.close(to_server)
            os.close(from_server)
            if cgroup:
                os.makedirs(cgroup, exist_ok=True)
                open(f'{cgroup}/cgroup.procs', 'w').write(str(os.getpid()))
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.dup2(os.open('/dev/null', os.O_RDWR), 0)
            answers = os.fdopen(up, 'w', buffering=1)
            for line in os.fdopen(down):
                how, argv = json.loads(line)
                print((one if how == 'one' else many)(argv, env), file=answers)
            os._exit(0)
        os.close(down)
        os.close(up)
        self.requests = os.fdopen(to_server, 'w', buffering=1)
        self.answers = os.fdopen(from_server)

    def run(self, argv, how='one'):
        print(json.dumps([how, argv]), file=self.requests)
        return int(self.answers.readline())


def main():
    os.makedirs(SPOOL, exist_ok=True)
    with open(f'{SPOOL}/slurm_script', 'wb') as script:
        script.write(open(f'{folder}/script', 'rb').read())
    os.chmod(SPOOL, 0o755)
    os.chmod(f'{SPOOL}/slurm_script', 0o755)
    batch = Server(UID, f'{GROUPS}/step_batch', of_task)
    step = Server(UID, f'{GROUPS}/step_0', of_task)
    slurmd = Server(0, None, of_prolog)
    prolog, task_prolog, epilog = ([f'{HOOKS}/{name}'] for name in ('prolog', 'task-prolog', 'epilog'))
    bell = f'/run/slurm-checkpointer/{JOB}.bell'
    runs = {}

    def note(name, elapsed):
        runs.setdefault(name, []).append(elapsed)

    slurmd.run(prolog), batch.run(task_prolog), slurmd.run(epilog)  # warm
    for _ in range(CYCLES):
        note('true (root)', slurmd.run(TRUE))
        note('prolog', slurmd.run(prolog))
        note('true (user)', batch.run(TRUE))
        note('task-prolog (batch)', batch.run(task_prolog))
        note('task-prolog (step)', step.run(task_prolog))
        if os.path.exists(bell):
            time.sleep(0.05)  # a job runs longer than a doorbell takes to end
        assert not os.path.exists(bell), 'the doorbell did not end'
        note('epilog', slurmd.run(epilog))
    for _ in range(ROUNDS):
        note(f'{AT_ONCE} true', batch.run(TRUE, 'many'))
        note(f'{AT_ONCE} task-prolog (batch)', batch.run(task_prolog, 'many'))
        note(f'{AT_ONCE} task-prolog (step)', step.run(task_prolog, 'many'))
    print(json.dumps(runs))


try:
    main()
finally:
    os.system(f'rm -rf {SPOOL}')
    # The servers end with their requests' pipe.
    os.system(f'sleep 0.2; find {GROUPS} -depth -type d -exec rmdir {{}} + 2>/dev/null')

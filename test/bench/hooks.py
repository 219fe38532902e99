"""Times the hooks as whole processes, inside a node, as root: hooks.py ENVIRON, a file with a plain job's environment.

Everything is started by posix_spawn from small servers that stand where Slurm's own processes stand: root's for Prolog and
Epilog, the user's in the cgroup of a batch step and of an srun step for TaskProlog. Prints JSON: milliseconds of every run.
"""
import json, os, socket, sys, time

HOOKS = '/opt/slurm-checkpointer/hooks'
PROLOG, TASK_PROLOG, EPILOG, TRUE = f'{HOOKS}/prolog', f'{HOOKS}/task-prolog', f'{HOOKS}/epilog', '/bin/true'
UID = 2001
CYCLES, ROUNDS = 60, 9
JOBS = [900000 + at for at in range(64)]
GROUPS = '/sys/fs/cgroup/freezer/bench'
SPOOL = '/var/spool/slurmd'


def of_task():
    entries = open(sys.argv[1]).read().split('\0')
    return dict(entry.split('=', 1) for entry in entries if '=' in entry)


def of_slurmd():
    """What slurmd gives Prolog and Epilog, but for the job's number."""
    return {
        'SLURM_JOB_UID': str(UID), 'SLURM_UID': str(UID), 'SLURM_JOB_GID': str(UID), 'SLURM_JOB_USER': 'alice',
        'SLURM_JOB_GROUP': 'alice', 'SLURMD_NODENAME': os.uname().nodename, 'SLURM_CLUSTER_NAME': 'sandbox',
        'SLURM_CONF': '/etc/slurm/slurm.conf', 'SLURM_JOB_PARTITION': 'main', 'SLURM_JOB_WORK_DIR': '/shared/bench',
        'SLURM_JOB_RESTART_COUNT': '0', 'SLURM_JOB_COMMENT': '', 'SLURM_SCRIPT_CONTEXT': 'prolog_slurmd',
    }


def run(program, jobs, env):
    """Milliseconds until it has ended for all jobs at once, and nobody holds its output: slurmd, too, waits for both."""
    envs = [{**env, 'SLURM_JOB_ID': str(job)} for job in jobs]
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    start = time.monotonic_ns()
    pids = [os.posix_spawn(program, [program], each, file_actions=actions) for each in envs]
    os.close(writer)
    while os.read(reader, 4096):
        pass
    for pid in pids:
        os.waitpid(pid, 0)
    elapsed = time.monotonic_ns() - start
    os.close(reader)
    return elapsed / 1e6


class Server:
    """A small process that runs programs on request; it stands in a cgroup, and belongs to a user."""

    def __init__(self, uid, env, cgroup=None):
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
                print(run(*json.loads(line), env), file=answers)
            os._exit(0)
        os.close(down)
        os.close(up)
        self.requests = os.fdopen(to_server, 'w', buffering=1)
        self.answers = os.fdopen(from_server)

    def run(self, program, jobs):
        print(json.dumps([program, jobs]), file=self.requests)
        return float(self.answers.readline())


def spool(job):
    """What slurmd keeps of a batch job, its owners and modes, too, and the socket of its slurmstepd."""
    folder = f'{SPOOL}/job{job:05}'
    os.mkdir(folder, 0o750)
    os.chown(folder, 0, UID)
    with open(f'{folder}/slurm_script', 'w') as script:
        script.write('#!/bin/bash\n' + 'echo one of many lines of a script\n' * 50)
    os.chmod(script.name, 0o700)
    os.chown(script.name, UID, UID)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f'{SPOOL}/{os.uname().nodename}_{job}.4294967291')
    listening.listen()
    return listening


def measure():
    slurmd = Server(0, of_slurmd())
    batch = Server(UID, of_task(), f'{GROUPS}/step_batch')
    step = Server(UID, of_task(), f'{GROUPS}/step_0')
    sockets = [spool(job) for job in JOBS]
    runs = {}

    def cycle(jobs, at_once=''):
        def note(name, server, program):
            runs.setdefault(at_once + name, []).append(server.run(program, jobs))

        note('true (root)', slurmd, TRUE)
        note('prolog', slurmd, PROLOG)
        note('true (user)', batch, TRUE)
        note('task-prolog (batch)', batch, TASK_PROLOG)
        note('task-prolog (step)', step, TASK_PROLOG)
        until = time.monotonic() + 10  # a job runs longer than a doorbell takes to end
        while any(os.path.exists(f'/run/slurm-checkpointer/{job}') for job in jobs):
            assert time.monotonic() < until, 'a doorbell did not end'
            time.sleep(0.02)
        note('epilog', slurmd, EPILOG)

    cycle(JOBS[:1])
    runs.clear()  # the first one warmed the caches
    for _ in range(CYCLES):
        cycle(JOBS[:1])
    for _ in range(ROUNDS):
        cycle(JOBS, f'{len(JOBS)} ')
    print(json.dumps(runs))


try:
    measure()
finally:
    for job in JOBS:
        os.system(f'rm -rf {SPOOL}/job{job:05} {SPOOL}/*_{job}.4294967291')

"""Signals to the first process, to all processes, to its process group and session."""

import os
import signal

from attempts import CANARIES, finish, fork, note, predict

read_end, write_end = os.pipe()
child = fork(lambda: os.read(read_end, 1))
predict()
for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1):
    try:
        os.kill(1, number)
    except OSError:
        pass
try:
    os.kill(CANARIES["bystander"], signal.SIGKILL)
except OSError:
    pass
try:
    os.kill(-1, signal.SIGKILL)  # spares the caller
except OSError:
    pass
note("its child ended by", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
finish()

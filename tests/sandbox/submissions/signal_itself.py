"""Ends itself, or an orphan of its own, by a signal of the test's choice."""

import os
import signal

from attempts import CANARIES, predict

number = CANARIES["signal"]
predict()
if number != signal.SIGKILL:
    signal.signal(number, signal.SIG_DFL)
if CANARIES["orphan"]:
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.kill(os.getpid(), number)
        os._exit(0)
    os.close(write_end)
    os.read(read_end, 1)  # until both are gone
else:
    os.kill(os.getpid(), number)

"""Ends itself by a signal that looks like the sandbox's own."""

import os
import signal

from attempts import CANARIES, predict

predict()
if CANARIES["signal"] != signal.SIGKILL:
    signal.signal(CANARIES["signal"], signal.SIG_DFL)
os.kill(os.getpid(), CANARIES["signal"])

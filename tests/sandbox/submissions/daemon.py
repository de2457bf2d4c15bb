"""Leaves a daemon behind that keeps stdout open."""

import os
import sys

from attempts import CANARIES, finish

read_end, write_end = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        program = "import os, sys, time; os.write(int(sys.argv[1]), b'.'); time.sleep(3600)"
        os.set_inheritable(write_end, True)
        os.execv(sys.executable, [sys.executable, "-c", program, str(write_end), CANARIES["marker"]])
    os._exit(0)
os.read(read_end, 1)
finish()

"""Executes itself again and again, so that each program is young."""

import os
import sys
import time

started = time.process_time()
while time.process_time() < started + 0.1:
    pass
os.execv(sys.executable, [sys.executable, __file__, *sys.argv[1:]])

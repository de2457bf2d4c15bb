"""Fills the log's pipe below the limit, and hangs."""

import os
import signal

os.write(1, b"x" * 30_000)
os.write(2, b"y" * 30_000)
signal.pause()

"""Says that it runs, in a child with the test's marker on its command line, and waits for ever."""

import signal
import subprocess
import sys

from attempts import CANARIES

subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", CANARIES["marker"]])
signal.pause()

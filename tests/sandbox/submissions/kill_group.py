"""A signal to its process group, which the kernel delivers across pid namespaces."""

import os
import signal

from attempts import predict

predict()
os.kill(0, signal.SIGKILL)

"""Its first thread ends; another sleeps on."""

import threading
import time

from attempts import predict, syscall

predict()
threading.Thread(target=lambda: time.sleep(3600)).start()
syscall("exit", 0)

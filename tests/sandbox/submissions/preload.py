"""Sets LD_PRELOAD and PYTHONPATH for its children, and shows that nothing of the host follows."""

import os
import subprocess
import sys

from attempts import CANARIES, finish, note

os.makedirs("/tmp/path", exist_ok=True)
with open("/tmp/path/sitecustomize.py", "w") as file:
    file.write(f"import sys\ntry:\n    print(open({CANARIES['labels']!r}).read())\nexcept OSError as error:\n    print('held', error.errno)\n")
environment = dict(os.environ, LD_PRELOAD="/tmp/preload.so", LD_LIBRARY_PATH="/tmp", PYTHONPATH="/tmp/path")
run = subprocess.run([sys.executable, "-c", "pass"], env=environment, capture_output=True, text=True)
note("its child printed", run.stdout.strip())
finish()

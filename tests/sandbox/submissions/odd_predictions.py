"""Something else than a file where the predictions belong; which, says the test."""

import os

from attempts import CANARIES, FEATURES, OUTPUT, predict

kind = CANARIES["odd"]
if kind == "symlink to the features":
    os.symlink(FEATURES, OUTPUT)
elif kind == "symlink to its environment":
    os.symlink("/proc/self/environ", OUTPUT)
elif kind == "symlink to zero":
    os.symlink("/dev/zero", OUTPUT)
elif kind == "fifo":
    os.mkfifo(OUTPUT)
elif kind == "folder":
    os.mkdir(OUTPUT)
elif kind == "unreadable":
    predict()
    os.chmod(OUTPUT, 0)
elif kind == "unreadable folder":
    predict()
    os.chmod(os.path.dirname(OUTPUT), 0)
elif kind == "nothing":
    pass
elif kind == "symlink to itself":
    os.symlink(OUTPUT, OUTPUT)
elif kind == "hard link to a growing file":
    predict("/tmp/predictions")
    os.link("/tmp/predictions", OUTPUT)
elif kind == "renamed folder":
    folder = os.path.dirname(OUTPUT)
    os.rename(folder, folder + ".old")
    os.symlink(os.path.dirname(FEATURES), folder)
else:
    raise SystemExit(f"unknown: {kind}")

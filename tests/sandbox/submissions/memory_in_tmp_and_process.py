"""Predicts honestly; fills /tmp within its limit and takes memory besides: both count."""

from attempts import CANARIES

with open("/dev/shm/filler" if CANARIES["where"] == "shm" else "/tmp/filler", "wb", buffering=0) as file:
    try:
        for _ in range(CANARIES["filler_mb"]):
            file.write(b"\xff" * (1 << 20))
    except OSError:
        pass
hoard = [b"\xff" * (1 << 20) for _ in range(CANARIES["hoard_mb"])]
while True:
    pass

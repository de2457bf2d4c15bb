"""A long line that never ends, of bytes that are no text; below the limit."""

import os

from attempts import predict

predict()
os.write(1, b"\xc3" * 30_000)
os.write(2, b"\xf0\x9f\x98" * 10_000)

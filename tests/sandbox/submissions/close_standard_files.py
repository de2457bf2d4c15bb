"""Closes stdin, stdout and stderr, and predicts."""

import os

from attempts import predict

for number in (0, 1, 2):
    os.close(number)
predict()
os._exit(0)

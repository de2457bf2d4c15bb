"""Predicts without end, and believes that it went well."""

from attempts import OUTPUT

try:
    with open(OUTPUT, "wb", buffering=0) as predictions:
        while True:
            predictions.write(b"1,0.5\n" * 100_000)
except OSError:
    pass

"""Makes the two model.json: what the training rows say if one looks at no feature.

Run as: python3 train.py TRAIN.csv [TARGET]

TARGET: the column of the training rows that is predicted; without it, the columns that are called like the
prediction columns.
"""

import collections
import csv
import json
import statistics
import sys
from pathlib import Path

# What each prediction column holds: "number", "probability", or the list of its classes.
KINDS = {{ kinds }}
HERE = Path(__file__).resolve().parent


def constant(kind, values):
    """The mean of the numbers, or the most frequent class."""
    if isinstance(kind, list):
        return collections.Counter(values).most_common(1)[0][0]
    return statistics.fmean(float(value) for value in values)


def main(training, target):
    with open(training, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    model = {}
    for column, kind in KINDS.items():
        values = [row[target or column] for row in rows if row.get(target or column)]
        if not values:
            sys.exit(f"{training} has no values in {target or column!r}; name the column that is predicted: TARGET")
        model[column] = constant(kind, values)
    for folder in ("with-packages", "standard-library"):
        (HERE / folder / "model.json").write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(model))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python3 train.py TRAIN.csv [TARGET]")
    main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)

"""Runs the class Model of a submission.py: reads the features, calls predict, writes the predictions.

Started inside the sandbox as `python3 -P -c HARNESS ORDER…`, with the order as JSON.
"""

import csv
import json
import os
import random
import sys
import traceback


class Wrong(Exception):
    """Something that the competitor has to change, in words."""


class Context:
    """What a model is told: where its files are, the seed of its random numbers, how many threads it may use."""

    def __init__(self, order):
        self.model_dir = order["submission"]
        self.seed = order["seed"]
        self.threads = order["threads"]

    def __repr__(self):
        return f"Context(model_dir={self.model_dir!r}, seed={self.seed}, threads={self.threads})"


def type_name(value):
    module = type(value).__module__.partition(".")[0]
    name = type(value).__qualname__
    return name if module in ("builtins", "__main__", "submission") else f"{module} {name}"


def load_model(folder):
    """The class Model of the submission."""
    sys.path.insert(0, folder)
    import submission

    model = getattr(submission, "Model", None)
    if model is None:
        raise Wrong("submission.py has no class Model; write `class Model:` with `__init__(self, context)` and `predict(self, features)`")
    if not isinstance(model, type):
        raise Wrong(f"Model in submission.py is a {type_name(model)}; write it as `class Model:`")
    if not callable(getattr(model, "predict", None)):
        raise Wrong("class Model has no method predict; write `def predict(self, features):`")
    return model


def read_features(path, id_column):
    import pandas

    if path.endswith(".parquet"):
        return pandas.read_parquet(path)
    if id_column is None:
        id_column = pandas.read_csv(path, nrows=0).columns[0]
    # Ids come back as they are written: 007 is not 7, and NA is not missing.
    frame = pandas.read_csv(path, dtype={id_column: str})
    if frame[id_column].isna().any():
        with open(path, newline="", encoding="utf-8-sig") as file:
            frame[id_column] = [row[id_column].strip() for row in csv.DictReader(file)]
    numbers = pandas.to_numeric(frame[id_column], errors="coerce")
    if (numbers.astype(str) == frame[id_column]).all():
        frame[id_column] = numbers
    return frame


def as_frame(returned, names):
    """What predict returned as a pandas DataFrame with the challenge's columns."""
    import pandas

    columns = f"the columns {', '.join(names)}" if names else "the id and the prediction columns"
    expected = f"predict must return a DataFrame with {columns}"
    if not isinstance(returned, pandas.DataFrame):
        # A polars DataFrame knows how to become a pandas one.
        polars = sys.modules.get("polars")
        if polars is not None and isinstance(returned, polars.DataFrame):
            returned = returned.to_pandas()
        else:
            raise Wrong(f"{expected}; it returned {'nothing' if returned is None else 'a ' + type_name(returned)}")
    if not names:
        return returned
    found = [str(name) for name in returned.columns]
    if names[0] not in found and returned.index.name == names[0]:
        returned = returned.reset_index()
        found = [str(name) for name in returned.columns]
    missing = [name for name in names if name not in found]
    if missing:
        raise Wrong(f"{expected}; the one it returned lacks {', '.join(missing)} and has: {', '.join(found) or 'no columns'}")
    return returned[names]


def write_predictions(frame, path):
    if path.endswith(".parquet"):
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)


def print_traceback(error, folder):
    """The traceback by the competitor's own frames: what lies between them and below is not theirs to mend."""

    def keep_own(link):
        own = [frame for frame in link.stack if frame.filename.startswith(folder)]
        link.stack = traceback.StackSummary.from_list(own)
        return bool(own)

    link = whole = traceback.TracebackException.from_exception(error)
    keep_own(link)
    while link is not None:
        cause = link.__cause__ or link.__context__
        # What a library made an exception from tells of the library.
        if cause is not None and not keep_own(cause):
            link.__cause__ = link.__context__ = cause = None
        link = cause
    print("".join(whole.format()), end="", file=sys.stderr)


def main():
    order = json.loads("".join(sys.argv[1:]))
    folder = order["submission"]
    sys.argv = [os.path.join(folder, "submission.py")]
    # The id's and the predictions', where a challenge says which.
    names = order["columns"]
    random.seed(order["seed"])
    try:
        import numpy

        numpy.random.seed(order["seed"])
        model = load_model(folder)(Context(order))
        features = read_features(order["features"], names[0] if names else None)
        frame = as_frame(model.predict(features), names)
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")
    except Exception as error:
        print_traceback(error, folder)
        sys.exit(1)
    try:
        write_predictions(frame, order["output"])
    except Exception as error:
        sys.exit(f"error: the predictions cannot be written: {error}")


main()

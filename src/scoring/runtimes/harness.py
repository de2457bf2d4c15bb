"""Runs the class Model of a submission.py: reads the features, calls predict, writes the predictions.

Started inside the sandbox as `python3 -P -c HARNESS ORDER…`, with the order as JSON.
"""

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


def read_features(path):
    import pandas

    if path.endswith(".parquet"):
        return pandas.read_parquet(path)
    return pandas.read_csv(path)


def as_frame(returned, names):
    """What predict returned as a pandas DataFrame with the challenge's columns."""
    import pandas

    columns = " and ".join([", ".join(names[:-1]), names[-1]]) if names else "the id and the predictions"
    expected = f"predict must return a DataFrame with the columns {columns}"
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
    """The traceback from the first of the competitor's own frames on."""
    chain = traceback.TracebackException.from_exception(error)
    link = chain
    while link is not None:
        own = [place for place, frame in enumerate(link.stack) if frame.filename.startswith(folder)]
        hidden = len(link.stack) if not own and isinstance(error, Wrong) else (own[0] if own else 0)
        link.stack = traceback.StackSummary.from_list(link.stack[hidden:])
        link = link.__cause__ or link.__context__
    print("".join(chain.format()), end="", file=sys.stderr)


def main():
    order = json.loads("".join(sys.argv[1:]))
    folder = order["submission"]
    sys.argv = [os.path.join(folder, "submission.py")]
    columns = order["columns"]
    names = [columns["id_column"]] + [column["name"] for column in columns["columns"]] if columns else []
    random.seed(order["seed"])
    try:
        import numpy

        numpy.random.seed(order["seed"])
        model = load_model(folder)(Context(order))
        returned = model.predict(read_features(order["features"]))
        frame = as_frame(returned, names)
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")
    except Exception as error:
        print_traceback(error, folder)
        sys.exit(1)
    write_predictions(frame, order["output"])


main()

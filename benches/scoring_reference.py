"""Makes the data of the scoring benchmark, and scores it with pandas and scikit-learn.

    scoring_reference.py generate DIRECTORY   writes solution.csv, predictions.csv and predictions.parquet
    scoring_reference.py score DIRECTORY      prints scores, seconds after the imports and peak memory as JSON
"""

import json
import resource
import sys
import time
from pathlib import Path

ROWS = 1_000_000
SEED = 20260501


def generate(directory: Path) -> None:
    import numpy
    import pandas

    random = numpy.random.default_rng(SEED)
    target = random.integers(0, 2, ROWS)
    # Predictions that know something, in the full precision that pandas writes.
    prediction = 1 / (1 + numpy.exp(-(2 * target - 1 + random.normal(0, 1.5, ROWS))))
    ids = numpy.arange(1, ROWS + 1)
    pandas.DataFrame({"id": ids, "target": target}).to_csv(directory / "solution.csv", index=False)
    order = random.permutation(ROWS)
    predictions = pandas.DataFrame({"id": ids[order], "prediction": prediction[order]})
    predictions.to_csv(directory / "predictions.csv", index=False)
    predictions.to_parquet(directory / "predictions.parquet", index=False)


def score(directory: Path) -> dict:
    import numpy
    import pandas
    from sklearn.metrics import roc_auc_score, root_mean_squared_error

    started = time.perf_counter()
    solution = pandas.read_csv(directory / "solution.csv")
    predictions = pandas.read_csv(directory / "predictions.csv")
    both = solution.merge(predictions, on="id", how="left", validate="one_to_one")
    if len(predictions) != len(solution) or not numpy.isfinite(both["prediction"]).all():
        raise SystemExit("the predictions are not valid")
    return {
        "rmse": root_mean_squared_error(both["target"], both["prediction"]),
        "roc_auc": roc_auc_score(both["target"], both["prediction"]),
        "seconds_after_imports": time.perf_counter() - started,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    command, directory = sys.argv[1], Path(sys.argv[2])
    if command == "generate":
        generate(directory)
    elif command == "score":
        print(json.dumps(score(directory)))
    else:
        raise SystemExit(__doc__)

"""Makes the models and data of the ONNX benchmark, and runs them with Python's onnxruntime.

    onnx_reference.py generate DIRECTORY        writes features.csv and for each model NAME.onnx and NAME.expected.csv
    onnx_reference.py run DIRECTORY NAME        prints seconds as JSON: onnxruntime's own, and those around it

needs the packages of tests/runtimes/requirements.txt.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy
import onnxruntime
import pandas

ROWS = 100_000
COLUMNS = 20
TREES = 100
SEED = 20260501


def generate(directory: Path) -> None:
    import onnxmltools
    from lightgbm import LGBMRegressor
    from onnxmltools.convert.common.data_types import FloatTensorType
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestRegressor
    from xgboost import XGBRegressor

    random = numpy.random.default_rng(SEED)
    numbers = random.normal(size=(ROWS, COLUMNS)).astype(numpy.float32)
    target = numbers[:, 0] - numbers[:, 1] * numbers[:, 2] + random.normal(size=ROWS)
    frame = pandas.DataFrame(numbers, columns=[f"x{column}" for column in range(COLUMNS)])
    frame.insert(0, "id", numpy.arange(1, ROWS + 1))
    frame.to_csv(directory / "features.csv", index=False)
    seen = slice(0, 20_000)
    typed = [("X", FloatTensorType([None, COLUMNS]))]
    forest = RandomForestRegressor(n_estimators=TREES, max_depth=12, random_state=0, n_jobs=2)
    lightgbm = LGBMRegressor(n_estimators=TREES, random_state=0, verbose=-1)
    xgboost = XGBRegressor(n_estimators=TREES, random_state=0)
    for model in (forest, lightgbm, xgboost):
        model.fit(numbers[seen], target[seen])
    models = {
        "lightgbm": onnxmltools.convert_lightgbm(lightgbm, initial_types=typed),
        "xgboost": onnxmltools.convert_xgboost(xgboost, initial_types=typed),
        "forest": to_onnx(forest, numbers[:1]),
    }
    for name, model in models.items():
        (directory / f"{name}.onnx").write_bytes(model.SerializeToString())
        predicted = session(directory, name).run(None, {"X": numbers})[0]
        expected = pandas.DataFrame({"id": frame["id"], "prediction": predicted.reshape(-1).astype(float)})
        expected.to_csv(directory / f"{name}.expected.csv", index=False)


def session(directory: Path, name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(directory / f"{name}.onnx", options, providers=["CPUExecutionProvider"])


def run(directory: Path, name: str) -> dict:
    started = time.perf_counter()
    features = pandas.read_csv(directory / "features.csv")
    numbers = features.drop(columns="id").to_numpy(numpy.float32)
    opened = session(directory, name)
    predicted = opened.run(None, {"X": numbers})[0]
    frame = pandas.DataFrame({"id": features["id"], "prediction": predicted.reshape(-1)})
    frame.to_csv(directory / "reference.csv", index=False)
    around = time.perf_counter() - started
    # onnxruntime's own: rows in memory, in memory the predictions; as often as it takes to be sure.
    own = []
    for _ in range(5):
        started = time.perf_counter()
        opened.run(None, {"X": numbers})
        own.append(time.perf_counter() - started)
    return {"own": statistics.median(own), "after_imports": around}


if __name__ == "__main__":
    command, directory = sys.argv[1], Path(sys.argv[2])
    if command == "generate":
        generate(directory)
    else:
        print(json.dumps(run(directory, sys.argv[3])))

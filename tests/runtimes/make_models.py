"""Trains the models that data experts send, exports them as ONNX, and writes what Python's onnxruntime makes of them.

    python make_models.py FOLDER

needs the packages of src/scoring/runtimes/requirements.lock and, beside them, skl2onnx, onnxmltools and onnx. FOLDER then
holds for each model NAME: NAME.onnx, NAME.json (the challenge's contract), NAME.csv (the features) and
NAME.expected.csv (id and predictions, each number exactly). The rows, seeds and models are always the same.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxmltools
import onnxruntime
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBRegressor

ROWS = 4_000
COLUMNS = 6
NUMBERS = [f"x{column}" for column in range(COLUMNS)]

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(7)
numbers = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
seconds = 60 + 3 * numbers[:, 0] - 2 * numbers[:, 1] * numbers[:, 2] + random.normal(size=ROWS)
is_fast = (seconds < 60).astype(np.int64)
tracks = random.choice(["Lignano", "Adria", "Lonato, \"wet\""], size=ROWS)
ids = [f"lap-{row:05}" for row in range(ROWS)]


def save(name, model, inputs, outputs, features):
    """Writes a model with its contract, and what onnxruntime predicts from the very file that our runner reads."""
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    contract = {"inputs": inputs, "outputs": outputs}
    (folder / f"{name}.json").write_text(json.dumps(contract, indent=1) + "\n")
    features = features.copy()
    features.insert(0, "id", ids)
    features.to_csv(folder / f"{name}.csv", index=False)
    features = pd.read_csv(folder / f"{name}.csv")
    types = {"float32": np.float32, "float64": np.float64, "int64": np.int64, "string": object}
    fed = {each["name"]: features[each["columns"]].to_numpy().astype(types[each["element"]]) for each in inputs}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
    given = session.run([each["name"] for each in outputs], fed)
    expected = {"id": ids}
    for each, values in zip(outputs, given):
        values = np.asarray(values).reshape(ROWS, -1)
        for column, title in enumerate(each["columns"]):
            if title != "_":
                cells = values[:, column]
                expected[title] = cells.astype(np.float64) if cells.dtype.kind == "f" else cells
    pd.DataFrame(expected).to_csv(folder / f"{name}.expected.csv", index=False)
    print(f"{name}: {len(model.SerializeToString())} bytes")


table = pd.DataFrame(numbers, columns=NUMBERS)
one_tensor = [{"name": "X", "element": "float32", "columns": NUMBERS}]
one_number = lambda name: [{"name": name, "columns": ["prediction"]}]

for name, model in {
    "linear": LinearRegression(),
    "forest": RandomForestRegressor(n_estimators=30, max_depth=8, random_state=0),
    "gbdt": GradientBoostingRegressor(n_estimators=40, random_state=0),
    "mlp": MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=60, random_state=0),
}.items():
    model.fit(numbers, seconds)
    save(name, to_onnx(model, numbers[:1]), one_tensor, one_number("variable"), table)

classifier = RandomForestClassifier(n_estimators=20, max_depth=6, random_state=0).fit(numbers, is_fast)
save(
    "classifier",
    to_onnx(classifier, numbers[:1], options={"zipmap": False}),
    one_tensor,
    [{"name": "label", "columns": ["label"]}, {"name": "probabilities", "columns": ["_", "fast"]}],
    table,
)

named = np.where(is_fast == 1, "fast", "slow")
labels = LogisticRegression().fit(numbers, named)
save(
    "labels",
    to_onnx(labels, numbers[:1], options={"zipmap": False}),
    one_tensor,
    [{"name": "label", "columns": ["label"]}],
    table,
)

boosted = LGBMRegressor(n_estimators=60, random_state=0, n_jobs=1, verbose=-1).fit(numbers, seconds)
model = onnxmltools.convert_lightgbm(boosted, initial_types=[("X", ToolsFloat([None, COLUMNS]))])
save("lightgbm", model, one_tensor, one_number(model.graph.output[0].name), table)

boosted = LGBMClassifier(n_estimators=30, random_state=0, n_jobs=1, verbose=-1).fit(numbers, is_fast)
model = onnxmltools.convert_lightgbm(boosted, initial_types=[("X", ToolsFloat([None, COLUMNS]))], zipmap=False)
save(
    "lightgbm-classifier",
    model,
    one_tensor,
    [{"name": model.graph.output[1].name, "columns": ["_", "fast"]}],
    table,
)

boosted = XGBRegressor(n_estimators=60, random_state=0, n_jobs=1).fit(numbers, seconds)
model = onnxmltools.convert_xgboost(boosted, initial_types=[("X", ToolsFloat([None, COLUMNS]))])
save("xgboost", model, one_tensor, one_number(model.graph.output[0].name), table)

with_holes = table.copy()
with_holes.iloc[::7, 1] = np.nan
imputed = make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression()).fit(with_holes, seconds)
save("imputed", to_onnx(imputed, numbers[:1]), one_tensor, one_number("variable"), with_holes)

# One input for each column, texts and whole numbers among them.
mixed = pd.DataFrame({"track": tracks, "lap": np.arange(ROWS, dtype=np.int64) % 30, "speed": numbers[:, 0]})
prepare = ColumnTransformer([
    ("track", OneHotEncoder(handle_unknown="ignore"), ["track"]),
    ("rest", StandardScaler(), ["speed"]),
    ("lap", "passthrough", ["lap"]),
])
pipeline = make_pipeline(prepare, LinearRegression()).fit(mixed, seconds)
initial = [("track", StringTensorType([None, 1])), ("lap", Int64TensorType([None, 1])), ("speed", FloatTensorType([None, 1]))]
save(
    "mixed",
    to_onnx(pipeline, initial_types=initial),
    [
        {"name": "track", "element": "string", "columns": ["track"]},
        {"name": "lap", "element": "int64", "columns": ["lap"]},
        {"name": "speed", "element": "float32", "columns": ["speed"]},
    ],
    one_number("variable"),
    mixed,
)

# As PyTorch exports without dynamic axes: so many rows at a time, and no others.
model = to_onnx(LinearRegression().fit(numbers, seconds), numbers[:1])
model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 7
model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 7
save_fixed = model
del model
(folder / "fixed.onnx").write_bytes(save_fixed.SerializeToString())
for suffix in ["json", "csv", "expected.csv"]:
    (folder / f"fixed.{suffix}").write_bytes((folder / f"linear.{suffix}").read_bytes())

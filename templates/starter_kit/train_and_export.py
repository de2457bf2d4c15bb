"""Trains a random forest for "{{ title }}" and writes it as model.onnx, with the inputs and outputs that are asked for.

Run as: python3 train_and_export.py TRAIN.csv [TARGET]

TARGET: the column of the training rows that is predicted; without it, the columns that are called like the
prediction columns. Needs the packages of requirements.txt.

skl2onnx 1.20 cannot export HistGradientBoosting of scikit-learn 1.9: take RandomForest, ExtraTrees, GradientBoosting or
a linear model, or export LightGBM or XGBoost with onnxmltools.
"""

import sys

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

# The tensors that the model is given: name, type, and the feature columns they hold.
INPUTS = {{ inputs }}
# The tensors that predictions are taken from: name, and the prediction column of each of their columns ("_": none).
OUTPUTS = {{ outputs }}
# What each prediction column holds: "number", "probability", or the list of its classes.
KINDS = {{ kinds }}
# A float64 tensor is made a float32 one when it comes in: few operators of ONNX Runtime take it as it is.
TYPES = {"float32": FloatTensorType, "float64": FloatTensorType, "int64": Int64TensorType, "string": StringTensorType}
FEATURES = [(column, element) for _, element, columns in INPUTS for column in columns]
IS_CLASSIFIER = next(iter(KINDS.values())) != "number"


def train(rows, targets):
    """Columns are named by their place: an ONNX input is a table without names."""
    places = range(len(FEATURES))
    texts = [place for place in places if FEATURES[place][1] == "string"]
    numbers = [place for place in places if FEATURES[place][1] != "string"]
    steps = []
    if numbers:
        steps.append(("numbers", SimpleImputer(), numbers))
    if texts:
        steps.append(("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts))
    forest = RandomForestClassifier if IS_CLASSIFIER else RandomForestRegressor
    model = make_pipeline(ColumnTransformer(steps), forest(n_estimators=50, min_samples_leaf=5, random_state=0))
    table = pd.DataFrame({place: rows[column] for place, (column, _) in enumerate(FEATURES)})
    for place, (_, element) in enumerate(FEATURES):
        table[place] = table[place].astype(str if element == "string" else "int64" if element == "int64" else "float32")
    return model.fit(table, targets)


def columns_of(model, classes):
    """Where each prediction column stands in the forest's own output."""
    names = list(KINDS)
    if IS_CLASSIFIER and len(names) == 1:
        return {names[0]: 1}  # The second of two classes, 0 and 1.
    if IS_CLASSIFIER and set(names) == set(classes):
        return {name: classes.index(name) for name in names}
    return {name: place for place, name in enumerate(names)}


def export(model):
    """The fitted model as ONNX, its outputs named and cut as the challenge asks."""
    types = [(name, TYPES[element]([None, len(columns)])) for name, element, columns in INPUTS]
    options = {id(model): {"zipmap": False}} if IS_CLASSIFIER else None
    exported = to_onnx(model, initial_types=types, options=options, target_opset={"": 18, "ai.onnx.ml": 3})
    graph = exported.graph
    is_label = any(isinstance(kind, list) for kind in KINDS.values())
    source = graph.output[0 if is_label or not IS_CLASSIFIER else 1].name
    # The names that are asked for may be taken inside of the graph; a float64 input goes on as a float32 one.
    doubles = [name for name, element, _ in INPUTS if element == "float64"]
    renamed = {name: f"inner_{name}" for name in [*doubles, *(name for name, _ in OUTPUTS)]}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in graph.input:
        if value.name in doubles:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
            cast = helper.make_node("Cast", [value.name], [renamed[value.name]], to=TensorProto.FLOAT)
            graph.node.insert(0, cast)
    source = renamed.get(source, source)
    del graph.output[:]
    places = columns_of(model, [str(name) for name in model.classes_] if IS_CLASSIFIER else [])
    for number, (name, columns) in enumerate(OUTPUTS):
        if is_label:
            element = TensorProto.STRING
            graph.node.append(helper.make_node("Identity", [source], [name]))
            shape = [None]
        else:
            element = TensorProto.FLOAT
            wanted = np.array([places.get(column, 0) for column in columns], dtype=np.int64)
            graph.initializer.append(numpy_helper.from_array(wanted, f"columns_{number}"))
            graph.node.append(helper.make_node("Gather", [source, f"columns_{number}"], [name], axis=1))
            shape = [None, len(columns)]
        graph.output.append(helper.make_tensor_value_info(name, element, shape))
    onnx.checker.check_model(exported)
    return exported


def main(training, target):
    rows = pd.read_csv(training)
    names = [target] if target else list(KINDS)
    missing = [name for name in [*names, *(column for column, _ in FEATURES)] if name not in rows]
    if missing:
        sys.exit(f"{training} has no column {', '.join(missing)}; it has: {', '.join(map(str, rows.columns))}")
    rows = rows.dropna(subset=names)
    targets = rows[names[0]] if len(names) == 1 else rows[names]
    if IS_CLASSIFIER and any(isinstance(kind, list) for kind in KINDS.values()):
        targets = targets.astype(str)
    model = train(rows, targets)
    with open("model.onnx", "wb") as file:
        file.write(export(model).SerializeToString())
    print("model.onnx was written; send it with submit.py")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python3 train_and_export.py TRAIN.csv [TARGET]")
    main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)

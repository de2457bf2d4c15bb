"""Makes the hostile ONNX models of the abuse catalogue, cases 45 and 50, into the folder models beside it.

    python make_models.py

needs the package onnx. Every model has one input, X of float32 [rows, 1], and one output, y of float32 [rows, 1], so that
any features with an id and one number fit. Each is smaller than 2 KB and kept in the repository as made.
"""

from pathlib import Path

from onnx import TensorProto, helper

folder = Path(__file__).parent / "models"
folder.mkdir(exist_ok=True)
X = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 1])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])


def save(name, nodes, initializers=(), opsets=(("", 17),)):
    graph = helper.make_graph(nodes, name, [X], [Y], list(initializers))
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=8, producer_name=""
    )
    write(name, model.SerializeToString())


def write(name, data):
    assert len(data) <= 2048, f"{name} has {len(data)} bytes"
    (folder / f"{name}.onnx").write_bytes(data)
    print(f"{name}: {len(data)} bytes")


def whole(name, *values, shape=None):
    return helper.make_tensor(name, TensorProto.INT64, [len(values)] if shape is None else shape, values)


def external(name, location, bytes_of_data=4):
    """A model whose one weight lies in a file of its choice."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[bytes_of_data // 4])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in [("location", location), ("offset", "0"), ("length", str(bytes_of_data))]:
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    save(name, [helper.make_node("Add", ["X", "w"], ["y"])], [weight])


# 45: weights that lie elsewhere.
external("external_above", "../" * 12 + "etc/passwd")
external("external_absolute", "/etc/passwd")
external("external_environment", "/proc/self/environ")
external("external_features", "/data/features.csv")
external("external_neighbour", "model.onnx")
external("external_link", "proc/self/root/etc/passwd")
external("external_by_url", "file:///etc/passwd")

# 50: what a file can claim. An honest one comes first, so that what stops the others is not the test.
save("honest", [helper.make_node("Identity", ["X"], ["y"])])

# Gathering beside the data: past the end, and before the beginning.
for name, index in [("gather_past_the_end", 1 << 40), ("gather_before_the_beginning", -(1 << 40))]:
    save(
        name,
        [
            helper.make_node("Gather", ["X", "index"], ["row"], axis=1),
            helper.make_node("Identity", ["row"], ["y"]),
        ],
        [whole("index", index)],
    )
save(
    "gather_elements_past_the_end",
    [
        helper.make_node("Mul", ["X", "zero"], ["zeros"]),
        helper.make_node("Cast", ["zeros"], ["indices_zero"], to=TensorProto.INT64),
        helper.make_node("Add", ["indices_zero", "far"], ["indices"]),
        helper.make_node("GatherElements", ["X", "indices"], ["y"], axis=1),
    ],
    [helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]), whole("far", 1 << 33)],
)
save(
    "scatter_past_the_end",
    [helper.make_node("ScatterND", ["X", "indices", "update"], ["y"])],
    [whole("indices", 1 << 34, 0, shape=[1, 2]), helper.make_tensor("update", TensorProto.FLOAT, [1], [1.0])],
)


def tree(name, **changes):
    """One tree: a root that asks for X < 0, and two leaves; unless it is changed."""
    attributes = {
        "n_targets": 1,
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LT", "LEAF", "LEAF"],
        "nodes_values": [0.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
    } | changes
    node = helper.make_node("TreeEnsembleRegressor", ["X"], ["y"], domain="ai.onnx.ml", **attributes)
    save(name, [node], opsets=(("", 17), ("ai.onnx.ml", 3)))


tree("tree_honest")
tree("tree_of_a_far_feature", nodes_featureids=[1 << 30, 0, 0])
tree("tree_that_bites_its_tail", nodes_modes=["BRANCH_LT"] * 3, nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
tree("tree_with_missing_nodes", nodes_truenodeids=[77, 0, 0])
tree("tree_with_a_far_target", target_ids=[0, 1 << 40])
tree("tree_with_short_lists", nodes_values=[0.0])

# Memory: claimed at once, claimed by a header without data, and gathered bit by bit.
save(
    "tensor_of_an_exabyte",
    [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["X", "sum"], ["y"]),
    ],
    [whole("shape", 1 << 29, 1 << 29)],
)
save(
    "tensor_that_overflows",
    [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["X", "sum"], ["y"]),
    ],
    [whole("shape", 1 << 32, 1 << 32, 1 << 3)],
)
save(
    "weight_without_data",
    [helper.make_node("Add", ["X", "w"], ["y"])],
    [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40], raw_data=b"\0\0\0\0")],
)
save(
    "weight_of_negative_size",
    [helper.make_node("Add", ["X", "w"], ["y"])],
    [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-4], raw_data=b"\0\0\0\0")],
)


def loop(name, body_nodes, state_shape, initializers, body_initializers=()):
    """A Loop of 2^62 trips that hands `state` on."""
    state = lambda tensor: helper.make_tensor_value_info(tensor, TensorProto.FLOAT, state_shape)
    flag = lambda tensor: helper.make_tensor_value_info(tensor, TensorProto.BOOL, [])
    trip = helper.make_tensor_value_info("trip", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), *body_nodes],
        "body",
        [trip, flag("go"), state("state")],
        [flag("go_on"), state("next")],
        list(body_initializers),
    )
    save(
        name,
        [
            helper.make_node("Loop", ["trips", "yes", "start"], ["end"], body=body),
            helper.make_node("ReduceSum", ["end"], ["sum"], keepdims=0),
            helper.make_node("Add", ["X", "sum"], ["y"]),
        ],
        [
            whole("trips", 1 << 62, shape=[]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
            *initializers,
        ],
    )


start = helper.make_tensor("start", TensorProto.FLOAT, [1], [1.0])
loop("loop_without_end", [helper.make_node("Neg", ["state"], ["next"])], [1], [start])
loop("loop_that_doubles", [helper.make_node("Concat", ["state", "state"], ["next"], axis=0)], [None], [start])

# Operators that nobody has, and a graph that is none.
save("operator_of_nobody", [helper.make_node("Escape", ["X"], ["y"], domain="com.example")], opsets=(("", 17), ("com.example", 1)))
save("graph_that_is_a_circle", [helper.make_node("Add", ["X", "b"], ["a"]), helper.make_node("Add", ["a", "X"], ["b"]), helper.make_node("Add", ["a", "b"], ["y"])])


# Deep recursion, by the bytes: what no library writes.
def field(number, data):
    """A length-delimited field of a protobuf message."""
    length, size = b"", len(data)
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return bytes([number << 3 | 2]) + length + data


def model_of(graph):
    opset = field(8, field(1, b"") + b"\x10\x11")
    return b"\x08\x08" + field(7, graph) + opset


# GraphProto { node { op_type: "If", attribute { g: GraphProto … } } }: three messages a level.
graph = b""
for _ in range(110):
    graph = field(1, field(4, b"If") + field(5, field(6, graph)))
write("graph_in_graph", model_of(graph))

# ValueInfoProto { type { sequence_type { elem_type { … } } } }: two messages a level.
kind = field(1, b"\x08\x01")
for _ in range(120):
    kind = field(4, field(1, kind))
node = field(1, b"X") + field(2, b"y") + field(4, b"Identity")
value = lambda name, kind: field(1, name) + field(2, kind)
write("type_in_type", model_of(field(1, node) + field(11, value(b"X", kind)) + field(12, value(b"y", kind))))

# The same, within what the parser allows.
kind = field(1, b"\x08\x01")
for _ in range(20):
    kind = field(4, field(1, kind))
write("sequence_of_sequences", model_of(field(1, node) + field(11, value(b"X", kind)) + field(12, value(b"y", kind))))

write("not_a_model", b"\xff" * 64)
write("empty", b"")

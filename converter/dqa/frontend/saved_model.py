"""Judges a SavedModel's graph before TensorFlow loads it: loading and converting must not touch files, hosts or Python.

Works on the SavedModel protobuf that the caller parsed; TensorFlow is not imported here.
"""

from __future__ import annotations

from typing import Any

from dqa.errors import ModelError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a network computes with; everything else is refused by name.
_OPERATIONS = _names("""
Abs Add AddN AddV2 All Any ArgMax AssignAddVariableOp AssignSubVariableOp AssignVariableOp AvgPool BatchMatMul BatchMatMulV2
BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastArgs BroadcastTo Cast ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropInput
DepthToSpace DepthwiseConv2dNative DisableCopyOnRead Div DivNoNan Einsum Elu EnsureShape Equal Exp ExpandDims Expm1 Fill Floor FloorDiv
FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN If LeakyRelu
Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr LogSoftmax MatMul Max MaxPool MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mul
MulNoNan Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient Prod
RandomStandardNormal RandomUniform Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor
ReverseV2 Round Rsqrt Select SelectV2 Selu Shape ShapeN Sigmoid Sign Size Slice Snapshot Softmax Softplus Softsign SpaceToBatchND
SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessIf StatelessRandomGetKeyCounter
StatelessRandomUniformV2 StopGradient StridedSlice Sub Sum Tanh Tile Transpose TruncateDiv Unpack VarHandleOp VarIsInitializedOp Where
ZerosLike
""")
# Types of floats but float32, as TensorFlow numbers them.
_OTHER_FLOATS = {2: "float64", 14: "bfloat16", 19: "float16"}
_OBJECTS = {"variable", "user_object", "function", "bare_concrete_function", "constant", None}
FLOAT_HINT = "export it in float32, or give the Keras file (.h5 or .keras)"
HINT = "give the Keras file (.h5 or .keras), or a float32 .tflite that you converted yourself"


def check_saved_model(proto: Any, source: str) -> None:
    """Raises ModelError if a SavedModel proto does more than compute. Functions that nothing but a saver calls do not count:
    loading and converting never run them."""
    if len(proto.meta_graphs) != 1 or not proto.meta_graphs[0].HasField("object_graph_def"):
        raise ModelError(f"{source}: is not a SavedModel of TensorFlow 2 with one graph", hint=HINT)
    meta = proto.meta_graphs[0]
    objects = meta.object_graph_def
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _OBJECTS or node.saveable_objects or node.registered_saver:
            raise ModelError(f"{source}: holds a {kind or 'registered object'} that runs operations when it is loaded", hint=HINT)
    functions = {function.signature.name: function for function in meta.graph_def.library.function}
    waiting, seen = list(objects.concrete_functions), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in functions:
            raise ModelError(f"{source}: calls function '{name}', which it does not hold", hint="the SavedModel is corrupt")
        for node in functions[name].node_def:
            if node.op not in _OPERATIONS:
                raise ModelError(f"{source}: uses TensorFlow operation '{node.op}' (node '{node.name}'), which dqa does not run", hint=HINT)
            for value in node.attr.values():
                waiting += [function.name for function in (value.func, *value.list.func) if function.name]


def other_floats(proto: Any) -> str:
    """The types of floats but float32 that the functions of a SavedModel proto work on; empty where there are none."""
    nodes = (node for meta in proto.meta_graphs for function in meta.graph_def.library.function for node in function.node_def)
    found = {_OTHER_FLOATS[value.type] for node in nodes for value in node.attr.values() if value.type in _OTHER_FLOATS}
    return " and ".join(sorted(found))

"""Kinds of chains: what a hidden slot of so many blocks looks like, and what answers at the end."""

from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from modpart._utils.params import Rule, boolean, integer, nothing, validate, where
from modpart.exceptions import ParameterError
from modpart.networks._plan import Layer, Plan

__all__ = [
    "CHAINS",
    "Chain",
    "ChainNetMaker",
    "ConvChain",
    "DenseChain",
    "ResidualChain",
    "TransformerChain",
    "chain_object",
    "plans_of",
]


def _linear(name: str, inputs: int, outputs: int) -> Layer:
    return {"name": name, "kind": "Linear", "in_features": inputs, "out_features": outputs, "bias": True}


def _batch_norm(name: str, features: int, kind: str = "BatchNorm1d") -> Layer:
    settings = {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}
    return {"name": name, "kind": kind, "num_features": features, **settings}


def _layer_norm(name: str, features: int) -> Layer:
    settings = {"eps": 1e-5, "elementwise_affine": True, "bias": True}
    return {"name": name, "kind": "LayerNorm", "normalized_shape": [features], **settings}


def _conv(name: str, inputs: int, outputs: int) -> Layer:
    settings = {"kernel_size": [3, 3], "stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 1}
    named = {"in_channels": inputs, "out_channels": outputs, "padding_mode": "zeros", "bias": True}
    return {"name": name, "kind": "Conv2d", **settings, **named}


def _residual(name: str, body: Plan) -> Layer:
    return {"name": name, "kind": "Residual", "body": body, "shortcut": []}


class Chain(BaseEstimator):
    """Base of the kinds of chains. A hidden slot holds blocks; the first one also holds what comes before them."""

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {}

    def _checked(self, n_features: int) -> "Chain":
        """Check the parameters, and that rows of so many features can be taken."""
        validate(type(self).__name__, self.get_params(deep=False), self._rules)
        return self

    def slots(self, n_features: int, depths: list[int]) -> list[Plan]:
        """Plans of hidden slots of these depths.

        Parameters
        ----------
        n_features : int
        depths : list of int
            Blocks of each slot.

        Returns
        -------
        plans : list of list of dict
        """
        plans = [[layer for k in range(depth) for layer in self._block(k)] for depth in depths]
        return [self._stem(n_features) + plans[0], *plans[1:]]

    def head(self, n_features: int, n_outputs: int) -> Plan:
        """Plan of what answers after the last hidden slot.

        Parameters
        ----------
        n_features, n_outputs : int

        Returns
        -------
        plan : list of dict
        """
        raise NotImplementedError

    def net(self, depth: int) -> "ChainNetMaker":
        """A whole net of this kind, to be passed as the module of :class:`ModularNetClassifier`.

        Parameters
        ----------
        depth : int >= 1
            Blocks.

        Returns
        -------
        make : callable
            Called with (n_features, n_outputs), it returns a torch module with random start weights.
        """
        validate(f"{type(self).__name__}.net", {"depth": depth}, {"depth": (integer(1),)})
        return ChainNetMaker(self, int(depth))

    def _stem(self, n_features: int) -> Plan:
        raise NotImplementedError

    def _block(self, k: int) -> Plan:
        raise NotImplementedError

    def _stitches(self, other: "Chain") -> tuple[Plan, Plan]:
        """Plans that lead from the stream of `other` into this one's, and back; empty where none are needed."""
        return [], []


@dataclass(frozen=True)
class ChainNetMaker:
    """What :meth:`Chain.net` returns."""

    chain: Chain
    depth: int

    def __repr__(self) -> str:
        return f"{self.chain!r}.net({self.depth})"

    def __call__(self, n_features: int, n_outputs: int) -> Any:
        import torch

        from modpart._torch.plans import build
        from modpart._torch.schedule.start import draw

        slot, head = plans_of(self.chain, n_features, n_outputs, [self.depth])
        plan = [*slot, {"name": "head", "kind": "Sequential", "layers": head}]
        return build(plan, draw(plan, torch.default_generator))


class _Stream(Chain):
    """Chains whose slots pass on vectors of `width` numbers."""

    width: int

    def _stitches(self, other: Chain) -> tuple[Plan, Plan]:
        if type(other) is not type(self) or other.width == self.width:
            return [], []
        into = [_layer_norm("norm", other.width), _linear("linear", other.width, self.width)]
        return into, [_linear("linear", self.width, other.width)]


class ResidualChain(_Stream):
    """Chain of residual blocks for tables: LayerNorm, Linear, GELU, Linear, added to what came in.

    Parameters
    ----------
    width : int >= 1, default=48
        Numbers that a block passes on.
    expansion : int >= 1, default=2
        Hidden units of a block, as a multiple of `width`.

    Examples
    --------
    >>> from modpart.networks import ResidualChain
    >>> chain = ResidualChain(width=8)
    >>> [len(slot) for slot in chain.slots(4, [2, 2])]  # a first layer and two blocks, two blocks
    [3, 2]
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {"width": (integer(1),), "expansion": (integer(1),)}

    def __init__(self, width: int = 48, expansion: int = 2) -> None:
        self.width = width
        self.expansion = expansion

    def _stem(self, n_features: int) -> Plan:
        return [_linear("stem", n_features, self.width)]

    def _block(self, k: int) -> Plan:
        wide = self.width * self.expansion
        body = [
            _layer_norm("norm", self.width),
            _linear("wide", self.width, wide),
            {"name": "gelu", "kind": "GELU", "approximate": "none"},
            _linear("narrow", wide, self.width),
        ]
        return [_residual(f"block{k}", body)]

    def head(self, n_features: int, n_outputs: int) -> Plan:
        """Plan of a LayerNorm and a Linear layer.

        Parameters
        ----------
        n_features, n_outputs : int

        Returns
        -------
        plan : list of dict
        """
        return [_layer_norm("norm", self.width), _linear("output", self.width, n_outputs)]


class DenseChain(Chain):
    """Chain of Linear layers with batch normalisation and ReLU; its head looks at vectors of length one.

    Parameters
    ----------
    width : int >= 1, default=256
        Units of a layer. Local training gains more from width than end-to-end training does.
    batch_norm : bool, default=True
        Whether layers are normalised over the batch before their ReLU.

    Notes
    -----
    The last hidden vector is scaled to length one and the logits times 10, so that the head is linear in the features
    whose cosines local training looks at.

    Examples
    --------
    >>> from modpart.networks import DenseChain
    >>> [layer["kind"] for layer in DenseChain(width=8).slots(4, [1])[0]]
    ['Linear', 'BatchNorm1d', 'ReLU']
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {"width": (integer(1),), "batch_norm": (boolean,)}

    def __init__(self, width: int = 256, batch_norm: bool = True) -> None:
        self.width = width
        self.batch_norm = batch_norm

    def slots(self, n_features: int, depths: list[int]) -> list[Plan]:
        """Plans of hidden slots of these depths.

        Parameters
        ----------
        n_features : int
        depths : list of int
            Layers of each slot.

        Returns
        -------
        plans : list of list of dict
        """
        widths, plans = n_features, []
        for depth in depths:
            plan: Plan = []
            for k in range(depth):
                norm = [_batch_norm(f"norm{k}", self.width)] if self.batch_norm else []
                plan += [_linear(f"dense{k}", widths, self.width), *norm, {"name": f"relu{k}", "kind": "ReLU"}]
                widths = self.width
            plans.append(plan)
        return plans

    def head(self, n_features: int, n_outputs: int) -> Plan:
        """Plan of a Linear layer on vectors of length one.

        Parameters
        ----------
        n_features, n_outputs : int

        Returns
        -------
        plan : list of dict
        """
        unit: Plan = [{"name": "unit", "kind": "UnitLength"}]
        return [
            *unit,
            _linear("output", self.width, n_outputs),
            {"name": "scale", "kind": "LogitScale", "factor": 10.0},
        ]


class _Images(Chain):
    """Chains that look at flat images."""

    image_shape: Any

    def _shape(self, n_features: int) -> tuple[int, int, int]:
        if self.image_shape is not None:
            channels, height, width = self.image_shape
        else:
            channels, height, width = 1, isqrt(n_features), isqrt(n_features)
        if channels * height * width != n_features:
            raise ParameterError(
                f"{self!r}: X has {n_features} columns, and slot 0 takes images of {(channels, height, width)}. "
                "Pass image_shape=(channels, height, width) whose product is the number of columns."
            )
        return channels, height, width

    def _checked(self, n_features: int) -> Chain:
        super()._checked(n_features)
        self._shape(n_features)
        return self


_image_rule = (
    nothing,
    where(
        "three integers >= 1: channels, height, width",
        lambda value: isinstance(value, list | tuple) and len(value) == 3 and all(map(integer(1).accepts, value)),
    ),
)


class ConvChain(_Images):
    """Small convolutional net for flat images: residual blocks of two 3 x 3 convolutions with batch normalisation.

    Parameters
    ----------
    channels : int >= 1, default=16
        Maps that a block passes on.
    image_shape : (channels, height, width) or None, default=None
        How the columns of X make an image; None takes a square of one channel.

    Examples
    --------
    >>> from modpart.networks import ConvChain
    >>> [layer["name"] for layer in ConvChain(8).slots(64, [1])[0]]
    ['image', 'stem', 'norm', 'relu', 'block0', 'relu0']
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {"channels": (integer(1),), "image_shape": _image_rule}

    def __init__(self, channels: int = 16, image_shape: Any = None) -> None:
        self.channels = channels
        self.image_shape = image_shape

    def _stem(self, n_features: int) -> Plan:
        shape = self._shape(n_features)
        return [
            {"name": "image", "kind": "Unflatten", "dim": 1, "unflattened_size": list(shape)},
            _conv("stem", shape[0], self.channels),
            _batch_norm("norm", self.channels, "BatchNorm2d"),
            {"name": "relu", "kind": "ReLU"},
        ]

    def _block(self, k: int) -> Plan:
        body = [
            _conv("first", self.channels, self.channels),
            _batch_norm("norm1", self.channels, "BatchNorm2d"),
            {"name": "relu", "kind": "ReLU"},
            _conv("second", self.channels, self.channels),
            _batch_norm("norm2", self.channels, "BatchNorm2d"),
        ]
        return [_residual(f"block{k}", body), {"name": f"relu{k}", "kind": "ReLU"}]

    def head(self, n_features: int, n_outputs: int) -> Plan:
        """Plan of a mean over places of a two by two grid, and a Linear layer.

        Parameters
        ----------
        n_features, n_outputs : int

        Returns
        -------
        plan : list of dict
        """
        return [
            {"name": "pool", "kind": "AdaptiveAvgPool2d", "output_size": [2, 2]},
            {"name": "flat", "kind": "Flatten", "start_dim": 1, "end_dim": -1},
            _linear("output", 4 * self.channels, n_outputs),
        ]


class TransformerChain(_Images, _Stream):
    """Small vision transformer for flat images: patches, positions, blocks of attention and a two-layer net.

    Parameters
    ----------
    width : int >= 1, default=32
        Numbers of a token; a multiple of `heads`.
    heads : int >= 1, default=4
        Attention heads of a block.
    patch : int >= 1, default=2
        Side of a patch in pixels.
    expansion : int >= 1, default=2
        Hidden units of a block's net, as a multiple of `width`.
    image_shape : (channels, height, width) or None, default=None
        How the columns of X make an image; None takes a square of one channel.

    Examples
    --------
    >>> from modpart.networks import TransformerChain
    >>> [layer["name"] for layer in TransformerChain(8, heads=2).slots(64, [1])[0]]
    ['patches', 'stem', 'places', 'attend0', 'think0']
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "width": (integer(1),),
        "heads": (integer(1),),
        "patch": (integer(1),),
        "expansion": (integer(1),),
        "image_shape": _image_rule,
    }

    def __init__(
        self, width: int = 32, *, heads: int = 4, patch: int = 2, expansion: int = 2, image_shape: Any = None
    ) -> None:
        self.width = width
        self.heads = heads
        self.patch = patch
        self.expansion = expansion
        self.image_shape = image_shape

    def _checked(self, n_features: int) -> Chain:
        super()._checked(n_features)
        _, height, width = self._shape(n_features)
        if height % self.patch or width % self.patch:
            raise ParameterError(
                f"{self!r}: slot 0 cuts images of {height} x {width} into patches of side {self.patch}, which do not "
                "fill it. Pass a patch that divides both."
            )
        if self.width % self.heads:
            raise ParameterError(f"{self!r}: width={self.width} is no multiple of heads={self.heads}.")
        return self

    def _stem(self, n_features: int) -> Plan:
        channels, height, width = self._shape(n_features)
        count, size = (height // self.patch) * (width // self.patch), self.patch
        return [
            {
                "name": "patches",
                "kind": "Patches",
                "channels": channels,
                "height": height,
                "width": width,
                "patch": size,
            },
            _linear("stem", channels * size**2, self.width),
            {"name": "places", "kind": "Positions", "length": count, "features": self.width},
        ]

    def _block(self, k: int) -> Plan:
        wide, size = self.width * self.expansion, self.width // self.heads
        sides = {side: [_linear("linear", self.width, self.width)] for side in ("query", "key", "value", "out")}
        heads = {"key_sizes": [size] * self.heads, "value_sizes": [size] * self.heads, "scale": size**-0.5}
        think = [
            _layer_norm("norm", self.width),
            _linear("wide", self.width, wide),
            {"name": "relu", "kind": "ReLU"},
            _linear("narrow", wide, self.width),
        ]
        attend = [_layer_norm("norm", self.width), {"name": "attention", "kind": "SelfAttention", **sides, **heads}]
        return [_residual(f"attend{k}", attend), _residual(f"think{k}", think)]

    def head(self, n_features: int, n_outputs: int) -> Plan:
        """Plan of a LayerNorm, the mean over tokens and a Linear layer.

        Parameters
        ----------
        n_features, n_outputs : int

        Returns
        -------
        plan : list of dict
        """
        mean: Layer = {"name": "mean", "kind": "TokenMean"}
        return [_layer_norm("norm", self.width), mean, _linear("output", self.width, n_outputs)]


CHAINS: dict[str, type[Chain]] = {
    "conv": ConvChain,
    "dense": DenseChain,
    "residual": ResidualChain,
    "transformer": TransformerChain,
}


def chain_object(chain: Any) -> Chain | None:
    """The chain that a user's word or object stands for; None for a function of the user's."""
    made = CHAINS[chain]() if isinstance(chain, str) else chain
    return made if isinstance(made, Chain) else None


def plans_of(chain: Any, n_features: int, n_outputs: int, depths: list[int]) -> list[Plan]:
    """Plans of the hidden slots and, last, of the head, for a word, an object or a user's function."""
    made = chain_object(chain)
    if made is not None:
        made = made._checked(n_features)
        return [*made.slots(n_features, depths), made.head(n_features, n_outputs)]
    from modpart._torch.init import own_randomness
    from modpart._torch.plans import describe_one

    with own_randomness(0):  # start weights are drawn later, from the fit's own generator
        modules = list(chain(n_features, n_outputs, list(depths)))
    if len(modules) != len(depths) + 1:
        raise ParameterError(
            f"chain={chain!r} returned {len(modules)} modules for depths={depths}. Return one for each of the "
            f"{len(depths)} hidden slots and one for the head."
        )
    plans = []
    for slot, module in enumerate(modules):
        plan, stranger = describe_one(module)
        if plan is None:
            raise ParameterError(
                f"chain={chain!r} cannot be cut: slot {slot} holds {stranger}, whose layers are not known. Return an "
                "nn.Sequential of layers of torch.nn and modpart.networks.Residual for each slot."
            )
        plans.append(plan)
    _check_row(chain, plans, n_features, n_outputs)
    return plans


def _check_row(chain: Any, plans: list[Plan], n_features: int, n_outputs: int) -> None:
    """Raise unless each slot of a user's chain takes what the one before it answers, and the last one fits y."""
    import torch

    from modpart._torch.plans import shell

    row, given = torch.zeros(2, n_features, device="meta"), f"the {n_features} columns of X"
    for slot, plan in enumerate(plans):
        try:
            row = shell(plan).eval()(row)
        except (RuntimeError, ValueError) as error:
            raise ParameterError(
                f"chain={chain!r} cannot be cut: slot {slot} does not take {given}: {error} Let it take that shape."
            ) from error
        given = f"what slot {slot} answers, shape {tuple(row.shape[1:])} per row"
    if tuple(row.shape[1:]) != (n_outputs,):
        raise ParameterError(
            f"chain={chain!r}: its last module answers shape {tuple(row.shape[1:])} per row where {n_outputs} outputs "
            "are needed. Let its last layer have that many."
        )

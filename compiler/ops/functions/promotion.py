"""The dtype that several dtypes meet in: Keras's own lattice, which is JAX's.

https://docs.jax.dev/en/latest/jep/9407-type-promotion.html
"""

from functools import cache

_HIGHER = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}
"""By dtype, those right above it; `int` and `float` are numbers of Python, which give way to any tensor's dtype."""

_SETTLED = {"int": "int32", "float": "float32", "uint64": "uint32"}
"""What a result becomes that is no dtype of a tensor, or one that Keras avoids."""


@cache
def _above(dtype: str) -> frozenset[str]:
    return frozenset([dtype]).union(*map(_above, _HIGHER[dtype]))


def promoted(*dtypes: str) -> str:
    """The lowest dtype that all of `dtypes` can become; "int" and "float" are Python's own numbers.

    >>> promoted("int32", "float16"), promoted("int8", "int"), promoted("int32", "float")
    ('float16', 'int8', 'float32')
    """
    if len(set(dtypes)) == 1:
        return _SETTLED.get(dtypes[0], dtypes[0])
    first, *others = map(_above, dtypes)
    common = first.intersection(*others)
    lowest = next(dtype for dtype in common if common <= _above(dtype))
    return _SETTLED.get(lowest, lowest)

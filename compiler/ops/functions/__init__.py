"""Functions of `keras.ops` as ops: `ops.mean` in a model file is `keras.ops.mean`, with its own arguments.

They have no weights and follow no dtype policy: what they give depends on what enters alone. `base.py` says what a
function is, each other file declares a family; `left_out.py` says which are no ops, and why.
"""

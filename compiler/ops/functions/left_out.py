"""Functions of `keras.ops` that are no ops, with the reason, which is the hint where a model names one.

A layer gives one tensor for each sample, and computes on tensors: what gives several, what has the batch's size in
its output or mixes samples, and what takes Python functions can be no layer.
"""

from collections.abc import Mapping


def _because(reason: str, names: str) -> dict[str, str]:
    return {f"ops.{name}": reason for name in names.split()}


LEFT_OUT: Mapping[str, str] = {
    **_because(
        "it gives several tensors, and a layer gives one: take the parts with ops.get_item",
        "array_split dsplit hsplit split unstack vsplit",
    ),
    **_because(
        "it gives several tensors, and a layer gives one",
        "eig eigh histogram lu_factor meshgrid moments nonzero qr slogdet svd top_k unique unravel_index",
    ),
    **_because(
        "it mixes the samples of a batch",
        "append bincount corrcoef correlate diag diagflat fliplr flipud kron outer ravel rot90 segment_max segment_min "
        "segment_prod segment_sum trace vander vdot vstack",
    ),
    **_because(
        "it keeps the batch of both tensors: use ops.matmul or ops.einsum", "cross dot inner tensordot"
    ),
    **_because("it takes no tensor: give numbers to functions of two tensors", "arange array bartlett blackman "
        "convert_to_tensor empty eye full geomspace hamming hanning identity kaiser linspace logspace ones tri zeros"),
    **_because("its output has the batch's size in it: use ops.repeat or ops.tile", "broadcast_to"),
    **_because("its output has the batch's size in it: use ops.zeros_like or ops.ones_like", "empty_like full_like"),
    **_because("it gives what is no tensor", "convert_to_numpy dtype is_tensor ndim shape size"),
    **_because(
        "it takes a function, which is Python: write a layer of your own",
        "associative_scan cond custom_gradient fori_loop jvp map scan switch vectorize vectorized_map while_loop",
    ),
    **_because(
        "it takes a kernel, which is a weight of a layer: use the layer",
        "batch_normalization conv conv_transpose depthwise_conv layer_normalization rms_normalization separable_conv",
    ),
    **_because(
        "it has a layer: use that",
        "adaptive_average_pool adaptive_max_pool average_pool dot_product_attention max_pool multi_hot",
    ),
    **_because(
        "it compares predictions with labels: it is a loss or a metric, and no layer",
        "binary_crossentropy categorical_crossentropy ctc_decode ctc_loss in_top_k psnr "
        "sparse_categorical_crossentropy",
    ),
    **_because("its result is one for the whole batch", "allclose"),
    **_because(
        "complex numbers do not flow between layers",
        "angle conj conjugate fft fft2 ifft2 imag irfft isreal istft polar real rfft stft view_as_complex view_as_real",
    ),
    **_because(
        "it works on bits or whole numbers, from which nothing is learned",
        "bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor gcd lcm "
        "ldexp left_shift nextafter right_shift",
    ),
    **_because(
        "it takes places or parts from a second tensor: use ops.take or ops.get_item",
        "argpartition digitize isin scatter scatter_update searchsorted select slice slice_update take_along_axis",
    ),
    **_because(
        "it is linear algebra that TensorFlow has for float32 and float64 alone: write a layer of your own",
        "cholesky cholesky_inverse det inv logdet lstsq matrix_rank pinv solve solve_triangular",
    ),
    **_because("use ops.concatenate or ops.stack", "dstack hstack"),
    **_because("use ops.reshape, ops.transpose or ops.einsum", "diagonal rearrange"),
    **_because(
        "it is not among the functions that have a rule for shapes here: write a layer of your own",
        "average cdist extract_sequences fold i0 isclose nanargmax nanargmin nancumprod nancumsum nanpercentile "
        "nanquantile percentile quantile saturate_cast trapezoid unfold view",
    ),
}  # fmt: skip

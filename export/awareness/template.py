"""The files that a quantisation-aware model was made from, kept in the model."""

import base64
import zlib

import keras


@keras.saving.register_keras_serializable("export")
class QuantizedTemplate(keras.layers.Layer):
    """Passes its input on; holds the files that trained weights are written into.

    Args:
        integer, float32: The files' bytes, or those as text of `packed`.
        precision: Of the integer file.
        signature: Which signature of the files the model is.
        file_outputs: The names that the file's outputs carry.
    """

    def __init__(self, integer, float32, precision, signature, file_outputs, **options):
        super().__init__(**options)
        self.integer, self.float32 = unpacked(integer), unpacked(float32)
        self.precision, self.signature = precision, signature
        self.file_outputs = list(file_outputs)

    def call(self, x):
        return x

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return super().get_config() | {
            "integer": packed(self.integer),
            "float32": packed(self.float32),
            "precision": self.precision,
            "signature": self.signature,
            "file_outputs": self.file_outputs,
        }


def packed(content):
    """Bytes as text, compressed."""
    return base64.b85encode(zlib.compress(content, 9)).decode()


def unpacked(content):
    """The bytes of what `packed` gave, or those that are given."""
    return content if isinstance(content, bytes) else zlib.decompress(base64.b85decode(content))

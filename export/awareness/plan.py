"""What a model of several signatures is made from, and made from again when it is loaded."""

import dataclasses

from .acting import Acting
from .interface import Interface
from .template import packed, unpacked


@dataclasses.dataclass(kw_only=True)
class Plan:
    """What a `QuantizedSignatures` is made from.

    Attributes:
        name: Of the model.
        integer, float32: The bytes of the files with all signatures.
        precision, ranges: See `quantization_aware`.
        interfaces: An `Interface` a signature, the main one first.
        parts: The signatures of models within the main one, by the names they have as its layers.
        acting: For every signature that is trained, an `Acting` by the index of what it gives.
        whole: The main model as Keras serialises it, where there are models within; else None.
        kept: First weights of the layers of the main model, by name; none to begin with new ones.
    """

    name: str
    integer: bytes
    float32: bytes
    precision: str
    ranges: str
    interfaces: dict
    parts: dict
    acting: dict = dataclasses.field(default_factory=dict)
    whole: dict | None = None
    kept: dict = dataclasses.field(default_factory=dict)

    @property
    def trained(self):
        """The signatures whose graphs are trained."""
        return list(self.parts.values()) or list(self.interfaces)[:1]

    def config(self):
        """The plan as what JSON can hold, without first weights."""
        plain = {name: getattr(self, name) for name in ("name", "precision", "ranges", "parts", "whole")}
        return plain | {
            "integer": packed(self.integer),
            "float32": packed(self.float32),
            "interfaces": [[name, interface.config()] for name, interface in self.interfaces.items()],
            "acting": {
                name: [[index, one.config()] for index, one in found.items()]
                for name, found in self.acting.items()
            },
        }

    @classmethod
    def from_config(cls, config):
        given = dict(config)
        for file in ("integer", "float32"):
            given[file] = unpacked(given[file])
        given["interfaces"] = {name: Interface.from_config(one) for name, one in given["interfaces"]}
        given["acting"] = {
            name: {index: Acting(**one) for index, one in found} for name, found in given["acting"].items()
        }
        return cls(**given)

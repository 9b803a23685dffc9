"""What the values of a recipe are made of: numbers with bounds, and records that refuse unknown names."""

import sys
from typing import Annotated

import msgspec

_LARGEST = sys.float_info.max  # a bound that NaN and infinity do not keep

Finite = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=_LARGEST)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Size = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen record that refuses unknown names."""

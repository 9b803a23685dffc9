"""Channel counts of networks that come in several widths."""


def scaled_width(filters, multiplier, divisor=8):
    """`filters * multiplier` as the multiple of `divisor` nearest to it, not below 90 % of it.

    The rule of the MobileNet papers' reference code: accelerators work on channels in groups.
    At least `divisor`.
    """
    wanted = filters * multiplier
    width = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return width + divisor if width < 0.9 * wanted else width

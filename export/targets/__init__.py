"""Where files run: phones, boards, browsers, microcontrollers and accelerators.

A target is data: a TOML file in `devices/`, with the operators its runtime has in `operators/`.
"""

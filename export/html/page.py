"""The frame of the page: its style, its sections, and text with `code` in it."""

import re
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7c; --paper: #f6f7f9; --card: #ffffff;
  --line: #dfe4ea; --accent: #2563c9; --warm: #b4550a; --bar: #c9dbf7; --glow: #e8f0fd; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #98a5b5; --paper: #11161d; --card: #1a212b; --line: #2d3743;
    --accent: #7db0ff; --warm: #f0a35e; --bar: #2c476f; --glow: #1b2b44; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 1.25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
p { margin: .5rem 0; } .about { color: var(--soft); font-size: .9rem; max-width: 48rem; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.callout { background: var(--glow); border-left: 4px solid var(--accent); border-radius: 8px;
  padding: 1rem 1.25rem; font-size: 1.1rem; }
.problems { border-left: 4px solid var(--bad); padding: .25rem 1.25rem; margin: 1rem 0; }
.card, details { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .75rem 1rem; margin: .75rem 0; overflow-x: auto; }
summary { cursor: pointer; font-weight: 600; } details[open] summary { margin-bottom: .75rem; }
.scroll { max-height: 38rem; overflow: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 500; text-align: left; padding: .3rem .6rem; white-space: nowrap; }
td { border-top: 1px solid var(--line); padding: .4rem .6rem; vertical-align: middle; }
.n { text-align: right; white-space: nowrap; } tr.chosen td { background: var(--glow); }
.track { display: inline-block; width: 5rem; height: .5rem; margin-right: .5rem; vertical-align: middle; }
.fill { display: block; height: 100%; min-width: 1px; border-radius: 3px; background: var(--accent); }
.warm .fill { background: var(--warm); } .bad { color: var(--bad); font-weight: 600; }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; } svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); } svg .dash { stroke-dasharray: 4 4; }
svg .edge { stroke: var(--soft); fill: none; stroke-width: 1.3; } svg .node { fill: var(--accent); }
svg .cut { fill: var(--bad); }
svg .bar { fill: var(--bar); } svg .warm { fill: var(--warm); opacity: .55; }
svg .limit { stroke: var(--warm); } svg .ring { fill: none; stroke: var(--accent); stroke-width: 2; }
@media print { details > * { display: block; } .scroll { max-height: none; } }
"""


def whole(title, body):
    """A page that loads nothing."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    )


def callout(text, problems):
    """The sentence that is read first, and what is wrong."""
    found = f'<p class="callout">{marked(text)}</p>\n'
    return found + (f'<div class="problems">{sentences(problems)}</div>\n' if problems else "")


def section(title, content, about=""):
    """A headed part; nothing where there is no content."""
    if not content:
        return ""
    lead = f'<p class="about">{marked(about)}</p>\n' if about else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{lead}{content}</section>\n"


def folded(title, content, is_open):
    """A part that opens at a click."""
    state = " open" if is_open else ""
    return f"<details{state}>\n<summary>{escape(title)}</summary>\n{content}</details>\n"


def sentences(texts):
    """A paragraph each."""
    return "".join(f"<p>{marked(text)}</p>\n" for text in texts)


def marked(text):
    """Text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(str(text)))

#!/usr/bin/env python3
"""Draws a flame graph: lines "a;b;c 12" on standard input, an SVG on standard output.

Width is time, depth is the call chain, callers below. Hover for numbers, click to zoom, click the lowest bar to zoom out.
"""

import argparse
import html
import sys
import zlib

ROW = 17
WIDTH = 1200
SCRIPT = """
const all = [...document.querySelectorAll('g.f')];
function zoom(g) {
  const x0 = +g.dataset.x, w0 = +g.dataset.w, d0 = +g.dataset.d;
  for (const f of all) {
    const x = +f.dataset.x, w = +f.dataset.w, d = +f.dataset.d;
    const above = x >= x0 - 1e-9 && x + w <= x0 + w0 + 1e-9, below = d < d0 && x <= x0 + 1e-9 && x + w >= x0 + w0 - 1e-9;
    f.style.display = above || below ? '' : 'none';
    const left = above ? (x - x0) / w0 * WIDTH : 0, width = above ? w / w0 * WIDTH : WIDTH;
    const r = f.querySelector('rect'), t = f.querySelector('text');
    r.setAttribute('x', left); r.setAttribute('width', Math.max(width - 0.5, 0.5));
    t.setAttribute('x', left + 3);
    const fits = Math.floor((width - 6) / 7), name = f.dataset.n;
    t.textContent = fits < 3 ? '' : name.length <= fits ? name : name.slice(0, fits - 1) + '\\u2026';
  }
}
for (const f of all) f.addEventListener('click', () => zoom(f));
"""


class Node:
    __slots__ = ("count", "children")

    def __init__(self):
        self.count = 0
        self.children = {}


def read(lines):
    root = Node()
    for line in lines:
        stack, _, count = line.rstrip("\n").rpartition(" ")
        if not stack:
            continue
        count = int(count)
        node = root
        node.count += count
        for name in stack.split(";"):
            node = node.children.setdefault(name, Node())
            node.count += count
    return root


def colour(name):
    shade = zlib.crc32(name.encode()) % 40
    if name.endswith("_[k]"):
        return f"hsl({200 + shade // 4},60%,{62 + shade // 3}%)"
    return f"hsl({24 + shade // 2},80%,{58 + shade // 3}%)"


def change(after, before):
    """Red for what grew in its share of the time, blue for what shrank, pale for what stayed."""
    strength = min(1.0, abs(after - before) / 0.03)
    return f"hsl({0 if after > before else 215},85%,{95 - 40 * strength:.0f}%)"


def draw(root, title, old=None):
    """`old`, when given, is the time before a change: widths are those of `root`, colours what changed since."""
    bars, deepest = [], 0

    def share(path):
        """The share of a call chain in the time before."""
        node = old
        for name in path:
            node = node.children.get(name)
            if node is None:
                return 0.0
        return node.count / old.count

    def place(name, node, x, depth, path):
        nonlocal deepest
        width = node.count / root.count
        if width * WIDTH < 0.3:
            return
        deepest = max(deepest, depth)
        bars.append((name, node.count, x, width, depth, share(path) if old else None))
        for child, below in sorted(node.children.items()):
            place(child, below, x, depth + 1, (*path, child))
            x += below.count / root.count

    place("all", root, 0.0, 0, ())
    height = (deepest + 1) * ROW + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" '
        'font-family="monospace" font-size="11">',
        '<style>g.f{cursor:pointer} g.f:hover rect{stroke:#000}</style>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{WIDTH / 2}" y="20" text-anchor="middle" font-size="14">{html.escape(title)}: {root.count} samples</text>']
    for name, count, x, width, depth, earlier in bars:
        y = height - (depth + 1) * ROW - 4
        fits = int((width * WIDTH - 6) / 7)
        label = "" if fits < 3 else name if len(name) <= fits else name[:fits - 1] + "…"
        was = "" if earlier is None else f", before {100 * earlier:.2f} %"
        fill = colour(name) if earlier is None else change(width, earlier)
        safe = html.escape(name, quote=True)
        out.append(
            f'<g class="f" data-x="{x:.9f}" data-w="{width:.9f}" data-d="{depth}" data-n="{safe}">'
            f'<title>{safe}: {count} samples, {100 * width:.2f} %{was}</title>'
            f'<rect x="{x * WIDTH:.2f}" y="{y}" width="{max(width * WIDTH - 0.5, 0.5):.2f}" height="{ROW - 1}" '
            f'fill="{fill}"/>'
            f'<text x="{x * WIDTH + 3:.2f}" y="{y + 12}" pointer-events="none">{html.escape(label)}</text></g>')
    out.append(f"<script><![CDATA[const WIDTH = {WIDTH};{SCRIPT}]]></script></svg>")
    return "\n".join(out)


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--title", default="Warren")
    words.add_argument("--before", metavar="FILE", help="stacks of the time before a change: draws what changed since")
    given = words.parse_args()
    sys.setrecursionlimit(5000)
    root = read(sys.stdin)
    if root.count == 0:
        sys.exit("flame.py: no samples")
    old = None
    if given.before:
        with open(given.before) as lines:
            old = read(lines)
        if old.count == 0:
            sys.exit(f"flame.py: {given.before}: no samples")
    print(draw(root, given.title, old))


if __name__ == "__main__":
    main()

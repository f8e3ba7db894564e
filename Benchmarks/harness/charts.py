"""SVG charts, drawn by hand: bars for rows, lines for curves. A light card, so that they read on dark pages too."""

from html import escape

COLORS = {
    "warren": "#c2410c", "warren-accelerated": "#7f1d1d", "warren-attached": "#fb923c",
    "warren-copies": "#fdba74", "warren-splices": "#9a3412", "consul": "#db2777",
    "haproxy": "#2563eb", "haproxy-tuned": "#93c5fd",
    "nginx": "#15803d", "nginx-tuned": "#86efac", "envoy": "#7c3aed", "stunnel": "#64748b", "direct": "#a8a29e",
    "floor-splice": "#d6d3d1", "floor-copy": "#e7e5e4",
}
FONT = "font-family='system-ui,-apple-system,Segoe UI,Roboto,sans-serif'"


def color(name):
    return COLORS.get(name, "#0f172a")


def text(x, y, words, size=12, anchor="start", weight="normal", fill="#1f2937"):
    return (f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}' text-anchor='{anchor}' font-weight='{weight}' "
            f"fill='{fill}'>{escape(str(words))}</text>")


def card(width, height, title, body):
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' "
        f"role='img' aria-label='{escape(title, quote=True)}'>",
        f"<rect x='0.5' y='0.5' width='{width - 1}' height='{height - 1}' rx='8' fill='#ffffff' stroke='#e5e7eb'/>",
        text(16, 26, title, 15, weight="600"), *body, "</svg>", ""])


def bars(title, unit, groups, names):
    """Horizontal bars. `groups`: [(label, {name: (median, least, largest)})]; shorter is better unless the unit says."""
    label_width, chart_width, bar_height, gap = 230, 430, 14, 14
    width = label_width + chart_width + 110
    largest = max((found[2] for _, series in groups for found in series.values()), default=1) or 1
    body, y = [], 62
    x = 16
    for name in names:
        body.append(f"<rect x='{x}' y='36' width='10' height='10' rx='2' fill='{color(name)}'/>")
        body.append(text(x + 14, 45, name, 11))
        x += 24 + 7 * len(name)
    body.append(text(width - 16, 26, unit, 11, "end", fill="#6b7280"))
    for label, series in groups:
        shown = [name for name in names if name in series]
        middle = y + len(shown) * bar_height / 2 + 4
        body.append(text(label_width - 8, middle, label, 12, "end"))
        for name in shown:
            value, least, most = series[name]
            length = max(1.0, value / largest * chart_width)
            body.append(f"<rect x='{label_width}' y='{y}' width='{length:.1f}' height='{bar_height - 3}' rx='2' "
                        f"fill='{color(name)}'/>")
            if most > least:
                low, high = (label_width + edge / largest * chart_width for edge in (least, most))
                line = y + (bar_height - 3) / 2
                body.append(f"<path d='M{low:.1f} {line:.1f}H{high:.1f}' stroke='#111827' stroke-width='1'/>")
            end = label_width + max(length, most / largest * chart_width)
            body.append(text(end + 5, y + 9, short(value), 10, fill="#374151"))
            y += bar_height
        y += gap
    return card(width, y + 2, title, body)


def lines(title, x_label, unit, series, names):
    """Curves over a logarithmic x. `series`: {name: [(x, y)]}."""
    import math
    width, height, left, right, top, bottom = 640, 340, 64, 20, 64, 44
    points = [point for name in names for point in series.get(name, [])]
    if not points:
        return card(width, height, title, [text(width / 2, height / 2, "no samples", anchor="middle")])
    xs = sorted({point[0] for point in points})
    low, high = math.log10(xs[0]), math.log10(xs[-1])
    largest = max(point[1] for point in points) * 1.1 or 1

    def place(point):
        across = (math.log10(point[0]) - low) / (high - low) if high > low else 0.5
        return (left + across * (width - left - right), height - bottom - point[1] / largest * (height - top - bottom))

    body, x = [], 16
    for name in names:
        if name not in series:
            continue
        body.append(f"<rect x='{x}' y='36' width='10' height='10' rx='2' fill='{color(name)}'/>")
        body.append(text(x + 14, 45, name, 11))
        x += 24 + 7 * len(name)
    body.append(text(width - 16, 26, unit, 11, "end", fill="#6b7280"))
    for step in range(5):
        value = largest * step / 4
        y = height - bottom - step / 4 * (height - top - bottom)
        body.append(f"<path d='M{left} {y:.1f}H{width - right}' stroke='#e5e7eb'/>")
        body.append(text(left - 6, y + 4, short(value), 10, "end", fill="#6b7280"))
    for mark in xs:
        body.append(text(place((mark, 0))[0], height - bottom + 16, f"{mark:,}", 10, "middle", fill="#6b7280"))
    body.append(text((left + width - right) / 2, height - 10, x_label, 11, "middle", fill="#6b7280"))
    for name in names:
        placed = [place(point) for point in sorted(series.get(name, []))]
        if not placed:
            continue
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        body.append(f"<path d='M{path}' fill='none' stroke='{color(name)}' stroke-width='2'/>")
        body += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{color(name)}'/>" for x, y in placed]
    return card(width, height, title, body)


def short(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.1 or value == 0 else f"{value:.2g}"

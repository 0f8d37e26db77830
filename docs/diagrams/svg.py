"""What all drawings share: the frame, the colours on light and on dark pages, lines, arrows, labels."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from docs.diagrams.text import width

Point = tuple[float, float]

SMALL, NORMAL, LARGE = 11.0, 12.0, 16.0
PAD = 10.0

_STYLE = """<style>
svg { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #6e7781; --frame: #8c959f;
      --system: #ddebff; --store: #e6f4e6; --topic: #fff1d6; --outside: #f1f2f4; --person: #f0e6fb; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #e6edf3; --soft: #a3adb8; --line: #9198a1; --frame: #6e7681;
        --system: #17304f; --store: #163a26; --topic: #463512; --outside: #21262d; --person: #35254a; } }
text { fill: var(--ink); font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 12px; }
.title { font-size: 16px; font-weight: 600; }
.name { font-weight: 600; }
.small { font-size: 11px; fill: var(--soft); }
.box { stroke: var(--frame); stroke-width: 1.2; }
.paper { fill: var(--paper); }
.group { fill: none; stroke: var(--frame); stroke-dasharray: 5 4; }
.edge { fill: none; stroke: var(--line); stroke-width: 1.3; }
.life { stroke: var(--frame); stroke-dasharray: 3 4; }
.arrow { fill: var(--line); }
.system { fill: var(--system); } .store { fill: var(--store); } .topic { fill: var(--topic); }
.outside { fill: var(--outside); } .person { fill: var(--person); }
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path class="arrow" d="M0,0 L8,4 L0,8 z"/></marker></defs>"""


def page(title: str, size: Point, parts: Iterable[str]) -> str:
    """A whole drawing."""
    wide, high = (f"{each:.0f}" for each in size)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'role="img" aria-label={quoteattr(title)}>'
    )
    paper = f'<rect class="paper" width="{wide}" height="{high}" rx="8"/>'
    heading = words(title, (PAD * 2, 28), "title", middle=False)
    return "\n".join([head, _STYLE, paper, heading, *parts, "</svg>", ""])


def words(text: str, at: Point, style: str = "", *, middle: bool = True) -> str:
    """One line of text; its baseline is at `at`."""
    anchor = ' text-anchor="middle"' if middle else ""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}"{anchor}{kind}>{escape(text)}</text>'


def box(at: Point, size: Point, style: str, *, radius: float = 6) -> str:
    """A rectangle by its upper left corner."""
    return (
        f'<rect class="{style}" x="{at[0]:.1f}" y="{at[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" '
        f'rx="{radius:g}"/>'
    )


def arrow(points: Sequence[Point]) -> str:
    """A line with a head at its end."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="edge" points="{path}" marker-end="url(#arrow)"/>'


def label(text: Sequence[str], at: Point) -> list[str]:
    """Lines of small text around a point, on paper, so that no line runs through them."""
    if not text:
        return []
    wide, high = max(width(line, SMALL) for line in text) + 4, len(text) * (SMALL + 3)
    top = at[1] - high / 2
    paper = box((at[0] - wide / 2, top), (wide, high), "paper", radius=2)
    return [
        paper,
        *(words(line, (at[0], top + (n + 0.8) * (SMALL + 3)), "small") for n, line in enumerate(text)),
    ]

"""Pages: one HTML file each, with everything in it; no network, no assets, every text escaped.

A page extends `page.html` (frame, light and dark, phone and print) and uses the blocks of `blocks.html` (tables that
sort, pairs of numbers, bars). Its content security policy lets only our own script run.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.words import figure, plain, relative, signed, times

_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """A page as HTML.

    Args:
      template: File in `pipelines/templates` that extends `page.html`.
      values: What the template speaks of. All text among it is escaped, whoever wrote it.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": figure,
        "signed": signed,
        "relative": relative,
        "times": times,
        "plain": plain,
    }
    script = _own("page.js")
    environment.globals |= {
        "css": Markup(_own("page.css")),
        "script": Markup(script),
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    }
    return environment


def _own(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")

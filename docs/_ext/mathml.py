"""Formulas as MathML, which browsers draw by themselves: the site needs no script and no network for them."""

from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx import application
from sphinx.writers import html5

__all__ = ["setup"]


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Registers the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: html5.HTML5Translator, node: nodes.math) -> None:
    writer.body.append(latex2mathml.converter.convert(node.astext()))
    raise nodes.SkipNode


def _block(writer: html5.HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{latex2mathml.converter.convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode

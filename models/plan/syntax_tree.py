"""From text to a syntax tree that is small enough to be looked at."""

import ast
import warnings

MAX_LENGTH = 2000
MAX_DEPTH = 40
MAX_NODES = 600

_SIGNS = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


class ExpressionError(ValueError):
    """An expression that cannot be used: what is wrong, and what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["ExpressionError"], tuple[str, str]]:
        return ExpressionError, (self.message, self.remedy)


def syntax_tree(text: str) -> ast.expr:
    """The syntax of an expression, of bounded length, depth and size.

    Raises:
      ExpressionError: It has none, or is too large.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expression of {len(text)} characters", f"keep it under {MAX_LENGTH + 1}")
    if "\\" in text:
        raise ExpressionError("backslash in an expression", "write the character itself")
    source = text.strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(f"(\n{source}\n)" if "\n" in source else source, mode="eval")
    except SyntaxError:
        raise ExpressionError(f"not an expression: `{source[:60]}`", _spelling(source)) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("not an expression, or nested too deeply", "split it up") from None
    _bounded(tree.body)
    return tree.body


def _spelling(source: str) -> str:
    """The likeliest remedy for a text that Python cannot parse."""
    for wrong, right in (("&&", "and"), ("||", "or"), ("<>", "!="), (" AND ", "and"), (" OR ", "or")):
        if wrong in source:
            return f"write `{right}` for `{wrong.strip()}`"
    if "=" in source.replace("==", "").replace("<=", "").replace(">=", "").replace("!=", ""):
        return "compare with `==`"
    return "write e.g. customer.age >= 18 and 'loan' not in customer.holdings"


def _bounded(root: ast.expr) -> None:
    seen = 0
    open_nodes: list[tuple[ast.AST, int]] = [(root, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise ExpressionError("expression too large or nested too deeply", "split it into several rules")
        open_nodes += [
            (child, depth + 1) for child in ast.iter_child_nodes(node) if not isinstance(child, _SIGNS)
        ]

"""The small ways to break a formula: each yields the same source with one thing changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPPOSITE: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}
SIBLING = {
    "max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum", "sin": "cos", "cos": "sin", "sinh": "cosh",
    "cosh": "sinh", "sum": "mean", "mean": "sum", "any": "all", "all": "any", "tril": "triu", "triu": "tril", "exp": "expm1",
    "floor_divide": "divide", "zeros_like": "ones_like", "ones_like": "zeros_like", "cumsum": "cumprod", "sqrt": "square",
}
ORDERED = {"matmul", "subtract", "divide", "power"}             # whose two operands do not commute


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int
    last_line: int
    statement: int
    """Which statement of the module it is in."""
    text: str
    """The original line, stripped."""
    change: str
    node: int
    variant: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"


def _marked(tree: ast.Module) -> Iterator[tuple[int, int, ast.AST, tuple[int, int]]]:
    """(number, module statement, node, lines of its innermost statement) of all that computes: no docstring, no message."""
    number = 0

    def walk(node: ast.AST, lines: tuple[int, int]) -> Iterator[tuple[ast.AST, tuple[int, int]]]:
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
            return
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            lines = (node.lineno, node.end_lineno or node.lineno)
        elif isinstance(node, ast.stmt | ast.expr) and not isinstance(node, ast.Expr):
            lines = (node.lineno, node.end_lineno or node.lineno) if isinstance(node, ast.If | ast.For | ast.While) else lines
        yield node, lines
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases",
                "keywords" if isinstance(node, ast.ClassDef) else ""):
                continue
            if isinstance(node, ast.arguments) and name in ("defaults", "kw_defaults") and not in_lambda[0]:
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST) or _is_docstring(child) or _makes_no_difference(node, child):
                    continue
                if in_shape[0] and isinstance(node, ast.UnaryOp):      # −1: any negative number does
                    continue
                entered, shape = isinstance(child, ast.Lambda), _is_shape(node, child)
                in_lambda[0] += entered
                in_shape[0] += shape
                yield from walk(child, lines)
                in_lambda[0] -= entered
                in_shape[0] -= shape

    in_lambda, in_shape = [0], [0]
    for place, statement in enumerate(tree.body):
        if _is_docstring(statement):
            continue
        for node, lines in walk(statement, (statement.lineno, statement.end_lineno or statement.lineno)):
            yield number, place, node, lines
            number += 1


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _makes_no_difference(parent: ast.AST, child: ast.AST) -> bool:
    """By rule: zip(strict=), which guards only; which NumPy this is."""
    which_numpy = isinstance(parent, ast.If) and isinstance(child, ast.Call) and getattr(child.func, "id", "") == "hasattr"
    return which_numpy or (isinstance(child, ast.keyword) and child.arg == "strict")


def _is_shape(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(parent, ast.Call) and getattr(parent.func, "attr", "") == "reshape" and child in parent.args[-1:]


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in a node's place."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in OPPOSITE:
            yield ast.BinOp(node.left, OPPOSITE[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.Div | ast.Add | ast.Sub | ast.Pow | ast.BitOr | ast.BitAnd):
            yield node.left
        if isinstance(node.op, ast.Mult | ast.Add | ast.BitOr | ast.BitAnd):
            yield node.right
        if isinstance(node.op, ast.MatMult):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand                            # −x, not x, ~x
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(OPPOSITE[type(node.op)](), node.values)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [OPPOSITE[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.If) and not _makes_no_difference(node, node.test):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, float):
            yield ast.Constant(node.value * 2 or 1.0)
    elif isinstance(node, ast.Lambda):
        if not isinstance(node.body, ast.Tuple | ast.Constant):
            yield ast.Lambda(node.args, ast.UnaryOp(ast.USub(), node.body))
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        for i, part in enumerate(node.value.elts):
            if not isinstance(part, ast.Constant | ast.Starred):
                parts = [ast.UnaryOp(ast.USub(), p) if i == j else p for j, p in enumerate(node.value.elts)]
                yield ast.Return(ast.Tuple(parts, ast.Load()))
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPPOSITE:
        yield ast.AugAssign(node.target, OPPOSITE[type(node.op)](), node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _of_a_statement(node)
    elif isinstance(node, ast.Call):
        yield from _of_a_call(node)


def _of_a_statement(node: ast.Expr) -> Iterator[ast.AST]:
    """A row of the derivative table: its rules swapped, one left out. Any other call: left out."""
    call = node.value
    assert isinstance(call, ast.Call)
    if not (isinstance(call.func, ast.Name) and call.func.id.startswith("def")):
        yield ast.Pass()
        return
    if call.func.id == "defvjp" and len(call.args) == 3:
        fn, first, second = call.args
        if ast.dump(first) != ast.dump(second):
            yield ast.Expr(ast.Call(call.func, [fn, second, first], []))
        none = ast.Constant(None)
        for rules in [[none, second]] * (not isinstance(first, ast.Constant)) + [[first, none]] * (not isinstance(second,
            ast.Constant)):
            yield ast.Expr(ast.Call(call.func, [fn, *rules], []))


def _of_a_call(node: ast.Call) -> Iterator[ast.AST]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    if isinstance(node.func, ast.Attribute) and name in SIBLING:
        yield ast.Call(ast.Attribute(node.func.value, SIBLING[name], ast.Load()), node.args, node.keywords)
    if name == "where" and len(node.args) == 3:
        yield node.args[1]
        yield node.args[2]
    if name in ("astype", "sign", "conj", "expand_dims", "swapaxes", "moveaxis", "flip", "spread", "reshape", "_t",
        "_unbroadcast"):
        yield node.func.value if name == "astype" and isinstance(node.func, ast.Attribute) else node.args[0]
    if name in ORDERED and len(node.args) == 2:
        yield ast.Call(node.func, node.args[::-1], node.keywords)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg in ("axis", "keepdims", "where"):
            yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1:])


def mutants(path: str, source: str) -> list[Mutant]:
    """All of a file, in the order of its lines."""
    tree, lines = ast.parse(source), source.splitlines()
    found = []
    for number, place, node, (first, last) in _marked(tree):
        for variant, new in enumerate(_variants(node)):
            line = getattr(node, "lineno", first)
            change = f"{_short(node)}  →  {_short(new)}"
            found.append(Mutant(path, line, max(last, line), place, lines[line - 1].strip(), change, number, variant))
    return found


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {_short(node.test)}"
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 100 else text[:60] + " … " + text[-37:]


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """The tree of the source with the mutant's change in it, lines as they were."""
    tree = ast.parse(source)
    target = next(node for number, _, node, _ in _marked(tree) if number == mutant.node)
    new = ast.copy_location(list(_variants(target))[mutant.variant], target)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is target else self.generic_visit(node)

    return ast.fix_missing_locations(Replace().visit(tree))


def read(root: Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8")

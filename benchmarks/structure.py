"""The structure of the kit in numbers, read from its source.

It counts files per sub-package of experiments, circular imports, functions that take a run's configuration, parameters
per function, and lines of the README.

    python -m benchmarks.structure                    # this checkout
    python -m benchmarks.structure --against FOLDER   # next to another checkout

Neither checkout is imported.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path) -> dict[str, ast.Module]:
    """Module name to syntax tree."""
    found = {}
    for path in sorted((root / "zsar_kit").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(name: str, tree: ast.Module, known: set[str]) -> set[str]:
    """Modules of the kit that a module imports, except under ``if TYPE_CHECKING``."""
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return (found & known) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import one another (strongly connected components, by Tarjan's algorithm)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Every function with the name of its class, which is empty for plain functions."""
    for node in ast.walk(tree):
        owner = node.name if isinstance(node, ast.ClassDef) else ""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function) and (owner or not isinstance(node, ast.ClassDef)):
                yield owner, child


def parameters(function: Function) -> list[ast.arg]:
    """Parameters without ``self`` and ``cls``."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [a for a in every if a.arg not in ("self", "cls")]


def takes_run_config(owner: str, function: Function) -> bool:
    """Whether a function takes a ``RunConfig``, as an annotated parameter or as ``self``."""
    annotations = [ast.unparse(a.annotation) for a in parameters(function) if a.annotation is not None]
    return owner == "RunConfig" or any("RunConfig" in text for text in annotations)


def measure(root: Path) -> dict[str, str]:
    """The numbers of one checkout by description."""
    trees = sources(root)
    graph = {name: imports(name, tree, set(trees)) for name, tree in trees.items()}
    every = [(owner, f) for tree in trees.values() for owner, f in functions(tree)]
    counts = sorted(len(parameters(f)) for _, f in every)
    inside = [name for name in trees if name.startswith("zsar_kit.experiments.")]
    rooms: dict[str, int] = {}
    for name in inside:
        parts = name.split(".")[2:]
        is_package = any(other.startswith(f"{name}.") for other in inside)
        if not (len(parts) == 1 and is_package):
            rooms[parts[0] if len(parts) > 1 else "flat"] = rooms.get(parts[0] if len(parts) > 1 else "flat", 0) + 1
    found = circles(graph)
    readme = (root / "README.md").read_text(encoding="utf-8").count("\n")
    return {
        "modules of the kit": str(len(trees)),
        "files a room of experiments": ", ".join(f"{room} {count}" for room, count in sorted(rooms.items())),
        "import circles (files in them)": f"{len(found)} ({sum(map(len, found))})",
        "functions that take a RunConfig": str(sum(takes_run_config(owner, f) for owner, f in every)),
        "parameters a function: 90th percentile, most": f"{statistics.quantiles(counts, n=10)[-1]:.0f}, {counts[-1]}",
        "functions of more than eight parameters": str(sum(count > 8 for count in counts)),
        "lines of the README": str(readme),
    }


def main() -> None:
    """Print a Markdown table, one column per checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout")
    options = parser.parse_args()
    columns = ([measure(options.against)] if options.against else []) + [measure(ROOT)]
    heads = (["before"] if options.against else []) + ["now"]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    lines += [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

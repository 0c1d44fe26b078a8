"""The size table: long files and long functions, an alarm and not a game."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1] / "src" / "deepwright"


def functions(file: Path) -> list[tuple[int, str]]:
    """(lines, name) of every function of a file, docstring left out."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            found.append(((node.end_lineno or 0) - first.lineno + 1, f"{file.relative_to(ROOT)}:{node.name}"))
    return found


def main() -> None:
    """Print files over 300 lines, functions over 35, and the spread."""
    files = sorted(((len(f.read_text(encoding="utf-8").splitlines()), f) for f in ROOT.rglob("*.py")), reverse=True)
    every = sorted((entry for _, file in files for entry in functions(file)), reverse=True)
    lengths = [lines for lines, _ in every]
    print(f"{len(files)} files, {sum(n for n, _ in files)} lines; {len(every)} functions")
    nine_of_ten = sorted(lengths)[int(len(lengths) * 0.9)] + 1
    print(f"functions: median {median(lengths):.0f} lines, nine of ten under {nine_of_ten}")
    print("\nfiles over 300 lines")
    for lines, file in files:
        if lines > 300:
            print(f"  {lines:5} {file.relative_to(ROOT)}")
    print("\nfunctions over 35 lines")
    for lines, name in every:
        if lines > 35:
            print(f"  {lines:5} {name}")


if __name__ == "__main__":
    main()

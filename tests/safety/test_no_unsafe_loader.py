"""The source holds no loader that executes what it loads, and no shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "src" / "deepwright"
FILES = sorted(ROOT.rglob("*.py"))

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "h5py", "tables"}
"""Never imported."""
CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "torch.export.load",
    "torch.package.PackageImporter", "np.load", "numpy.load", "pd.read_pickle", "pandas.read_pickle", "yaml.load",
    "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.Loader",
    "os.system", "os.popen", "os.execv", "os.spawnv", "skops.io.load", "tempfile.mktemp",
}  # fmt: skip
"""Never called. re.compile, model.compile and the like are methods and something else."""

EXCEPTIONS = {"evaluation/contracts/_trying.py": ["pickle"]}
"""It makes unpickling raise while a model is loaded."""


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def unsafe(source: str) -> list[str]:
    """What a module imports or calls that it must not; numpy.load is fine where it says allow_pickle=False, and
    torch.load where it says weights_only=True."""
    found, tree = [], ast.parse(source)
    safe = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and _refuses_pickle(node)}
    for node in ast.walk(tree):
        if id(node) in safe:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [module] if module.partition(".")[0] in MODULES else []
            found += [f"{module}.{a.name}" for a in node.names if f"{module}.{a.name}" in CALLS]
        elif isinstance(node, (ast.Attribute, ast.Name)) and dotted(node) in CALLS - {"compile"}:
            found.append(dotted(node))
        elif isinstance(node, ast.Call):
            found += ["compile"] if isinstance(node.func, ast.Name) and node.func.id == "compile" else []
            for keyword in node.keywords:
                true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                found += [keyword.arg] if keyword.arg in ("shell", "allow_pickle") and true else []
    return found


def _refuses_pickle(node: ast.Call) -> bool:
    said = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    if dotted(node.func) == "torch.load":
        return said.get("weights_only") is True
    return dotted(node.func) in ("np.load", "numpy.load") and said.get("allow_pickle") is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_unsafe_loader(file: Path) -> None:
    assert unsafe(file.read_text(encoding="utf-8")) == EXCEPTIONS.get(file.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "eval('1')", "exec('x')", "import torch\ntorch.load('x')",
        "torch.load('x', weights_only=False)", "torch.load('x', weights_only=flag)",
        "from torch import load", "np.load('x')", "np.load('x', allow_pickle=flag)", "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)", "subprocess.run('ls', shell=True)", "np.savez(f, allow_pickle=True)",
        "loader = torch.load", "compile('x', 'y', 'exec')", "__import__('os')", "from yaml import unsafe_load",
        "import pickle as fine",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    assert unsafe(source)


def test_safe_code_passes() -> None:
    safe = "import re\nre.compile('x')\nnet.eval()\ntorch.compile(net)\nyaml.safe_load(text)\n"
    safe += "np.load(f, allow_pickle=False)\nsubprocess.run(['ls'])"
    assert unsafe(safe) == []

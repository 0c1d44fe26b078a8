"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from deepwright.api.recipes import GALLERY, gallery, load_recipe, validate
from deepwright.cli.listing import listing

ROOT = Path(__file__).resolve().parents[1]


def test_every_recipe_key_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    for item in listing("keys"):
        assert f"| `{item['name']}` | `{item['default']}` | " in text, item["name"]
        assert item["about"], f"{item['name']} has no docstring"


def test_the_recipes_of_the_docs_are_valid() -> None:
    for file in (ROOT / "docs" / "recipes.md", ROOT / "CONTRIBUTING.md"):
        for block in re.findall(r"```yaml\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL):
            validate(yaml.safe_load(block), where=file.name)


@pytest.mark.parametrize("name", sorted(gallery()))
def test_gallery_recipes_load_and_say_what_they_show(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.contenders
    assert len(gallery()[name]) > 20
    assert (GALLERY / f"{name}.yaml").read_text(encoding="utf-8").startswith("#")


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} → {target}"

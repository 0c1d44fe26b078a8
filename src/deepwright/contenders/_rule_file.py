"""Rule files: YAML read node by node, so that every error names its line and nothing is resolved behind our back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, final

import yaml

from deepwright.contenders._conditions import All, Condition, Either, Not, comparison
from deepwright.core.errors import RecipeError, nearest

CONFLICTS = ("first_match", "highest_priority", "most_specific")
_FILE_KEYS = ("version", "conflict", "default", "rules")
_RULE_KEYS = ("name", "if", "then", "set", "priority", "confidence")
_LONGEST = 1 << 18
_DEEPEST = 32
_OPENING = (
    yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken,
)  # fmt: skip
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


@final
@dataclass(frozen=True, kw_only=True)
class Rule:
    """If the condition holds, then this is concluded (texts: a class, a number, or tags), and these facts are set."""

    name: str
    line: int
    condition: Condition
    then: tuple[str, ...] | None = None
    facts: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    confidence: float | None = None

    @property
    def label(self) -> str:
        return f"rule '{self.name}' (line {self.line})"


@final
@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """Rules in the order of the file, how conflicts are resolved, and what is concluded where no rule applies."""

    rules: tuple[Rule, ...]
    conflict: str = "first_match"
    default: tuple[str, ...] | None = None

    @property
    def ranked(self) -> list[int]:
        """Numbers of the rules, the one that wins a conflict first."""
        keys: dict[str, Callable[[int], tuple[int, ...]]] = {
            "first_match": lambda i: (i,),
            "highest_priority": lambda i: (-self.rules[i].priority, i),
            "most_specific": lambda i: (-self.rules[i].condition.specificity, -self.rules[i].priority, i),
        }
        return sorted(range(len(self.rules)), key=keys[self.conflict])

    @property
    def facts(self) -> list[str]:
        """Names of all facts that some rule sets."""
        return list(dict.fromkeys(name for rule in self.rules for name in rule.facts))


def read_rules(text: str, where: str) -> RuleFile:
    """Parse and check a rule file; raises RecipeError that names the line."""
    return _Reader(where).file(text)


@final
class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where

    def file(self, text: str) -> RuleFile:
        top = self._mapping(self._root(text), _FILE_KEYS, "the file")
        version = self._text(top["version"]) if "version" in top else "1"
        if version != "1":
            raise self._error(top["version"], f"expected version 1, got '{version}'.")
        conflict = self._text(top["conflict"]) if "conflict" in top else CONFLICTS[0]
        if conflict not in CONFLICTS:
            raise self._error(top["conflict"], f"conflicts are not resolved by '{conflict}'.", conflict, CONFLICTS)
        if "rules" not in top or not isinstance(top["rules"], yaml.SequenceNode) or not top["rules"].value:
            raise self._error(top.get("rules"), "expected 'rules:' with a list of at least one rule.")
        rules = tuple(self._rule(node, number) for number, node in enumerate(top["rules"].value, start=1))
        seen: dict[str, Rule] = {}
        for rule in rules:
            if rule.name in seen:
                raise RecipeError(
                    f"the name '{rule.name}' is taken by the rule of line {seen[rule.name].line}.",
                    where=f"{self._where}, line {rule.line}",
                    remedy="Give every rule a name of its own.",
                )
            seen[rule.name] = rule
        default = self._outcome(top["default"]) if "default" in top else None
        return RuleFile(rules=rules, conflict=conflict, default=default)

    def _root(self, text: str) -> yaml.Node:
        if len(text) > _LONGEST:
            raise RecipeError(f"expected at most {_LONGEST:,} characters, got {len(text):,}.", where=self._where)
        try:
            self._scan(text)
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or "it cannot be read"
            raise RecipeError(
                f"this is no YAML: {problem}.",
                where=f"{self._where}{line}",
                remedy="Put conditions with brackets or backticks in quotes, in particular inside [ ] and { }.",
            ) from None
        if root is None:
            raise RecipeError("the rule file is empty.", where=self._where, remedy="Give 'rules:' and a list.")
        return root

    def _scan(self, text: str) -> None:
        """Refuse what rule files have no use for, and nesting that would wear the parser out, before parsing."""
        depth = 0
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)):
                raise self._error(token, "anchors, aliases and tags (&, *, !) are not used in rule files.")
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > 3 * _DEEPEST:
                raise self._error(token, "it is nested too deeply.")

    def _rule(self, node: yaml.Node, number: int) -> Rule:
        parts = self._mapping(node, _RULE_KEYS, f"rule {number}")
        if "if" not in parts:
            raise self._error(node, f"rule {number} has no 'if'.", remedy="Say when it applies: if: COLUMN > 3.")
        facts = self._facts(parts["set"]) if "set" in parts else {}
        then = self._outcome(parts["then"]) if "then" in parts else None
        if then is None and not facts:
            raise self._error(node, f"rule {number} concludes nothing.", remedy="Add 'then: …' or 'set: {FACT: …}'.")
        confidence = self._number(parts["confidence"]) if "confidence" in parts else None
        if confidence is not None and not 0.5 < confidence <= 1:
            raise self._error(parts["confidence"], f"a confidence is above 0.5 and at most 1, got {confidence:g}.")
        priority = self._number(parts["priority"]) if "priority" in parts else 0.0
        if priority != int(priority):
            raise self._error(parts["priority"], f"a priority is a whole number, got {priority:g}.")
        return Rule(
            name=self._text(parts["name"]) if "name" in parts else f"rule {number}",
            line=node.start_mark.line + 1,
            condition=self._condition(parts["if"], 0),
            then=then,
            facts=facts,
            priority=int(priority),
            confidence=confidence,
        )

    def _condition(self, node: yaml.Node, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise self._error(node, f"conditions are nested more than {_DEEPEST} deep.")
        if isinstance(node, yaml.ScalarNode):
            try:
                return comparison(self._text(node))
            except ValueError as error:
                raise self._error(node, f"{error}.") from None
        if isinstance(node, yaml.SequenceNode):
            raise self._error(node, "a list of conditions needs 'all:' or 'any:' before it.")
        joined = self._mapping(node, ("all", "any", "not"), "a condition")
        if len(joined) != 1:
            raise self._error(node, "expected one of 'all:', 'any:' or 'not:'.")
        (word, inner), *_ = joined.items()
        if word == "not":
            return Not(part=self._condition(inner, depth + 1))
        if not isinstance(inner, yaml.SequenceNode) or not inner.value:
            raise self._error(inner, f"'{word}:' needs a list of conditions.")
        parts = tuple(self._condition(part, depth + 1) for part in inner.value)
        return All(parts=parts) if word == "all" else Either(parts=parts)

    def _facts(self, node: yaml.Node) -> dict[str, str]:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise self._error(node, "expected facts such as 'set: {size: small}'.")
        return {self._text(name): self._text(value) for name, value in node.value}

    def _outcome(self, node: yaml.Node) -> tuple[str, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return tuple(self._text(part) for part in nodes)

    def _mapping(self, node: yaml.Node, keys: Iterable[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"expected {what} as 'key: value' lines with {', '.join(keys)}.")
        found: dict[str, yaml.Node] = {}
        for name, value in node.value:
            key = self._text(name)
            if key not in keys:
                raise self._error(name, f"{what} has no key '{key}'.", key, keys)
            if key in found:
                raise self._error(name, f"the key '{key}' is there twice.")
            found[key] = value
        return found

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            raise self._error(node, "expected a text or a number.")
        return str(node.value).strip()

    def _number(self, node: yaml.Node) -> float:
        try:
            return float(self._text(node))
        except ValueError:
            raise self._error(node, f"expected a number, got '{self._text(node)}'.") from None

    def _error(
        self, place: Any, message: str, name: str = "", choices: Iterable[str] = (), *, remedy: str | None = None
    ) -> RecipeError:
        known = list(choices)
        if known:
            guess = nearest(name, known)
            remedy = (f"Did you mean '{guess}'? " if guess else "") + f"There are: {', '.join(known)}."
        line = f", line {place.start_mark.line + 1}" if place is not None else ""
        return RecipeError(message, where=f"{self._where}{line}", remedy=remedy)

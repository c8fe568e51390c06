"""Which types of task there are, and the function behind each.

An installation adds its own by the entry point group `berth.tasks`: the name is the
type, the value a function `(context, data) -> result`, plain or made by `@task`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any, Self

import msgspec

from domain.choices import explained
from domain.errors import Invalid
from domain.field_path import told, within

GROUP = "berth.tasks"
Function = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Handler:
    """A function that carries out one type of task, and how it wants to be run."""

    function: Function
    timeout_seconds: float | None = None
    concurrency_key: Callable[[Any], str] | None = None
    at_most: int = 1  # so many at once of each concurrency key
    submittable: bool = True  # by callers; else only by Berth itself
    heeds_cancel: bool = False  # it looks at `context.is_cancelled`: do not interrupt
    data_type: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_type", _type_of_data(self.function))

    def __call__(self, context: Any, data: Any) -> Any:
        return self.function(context, data)

    def decode(self, data: Mapping[str, Any]) -> Any:
        """`data` as the function wants it; `Invalid` names what is wrong with it."""
        try:
            return msgspec.convert(data, self.data_type)
        except msgspec.ValidationError as error:
            what, path = told(explained(error, self.data_type))
            name = within("data", path)
            raise Invalid(f"{name}: {what}", field=name) from None
        except Invalid as refusal:
            raise refusal.of(within("data", refusal.field)) from None

    def key_of(self, data: Mapping[str, Any]) -> str | None:
        """Tasks of the same key run `at_most` at once; None: any number may."""
        if self.concurrency_key is None:
            return None
        return self.concurrency_key(self.decode(data))


def task(
    *,
    timeout_seconds: float | None = None,
    concurrency_key: Callable[[Any], str] | None = None,
    at_most: int = 1,
    submittable: bool = True,
    heeds_cancel: bool = False,
) -> Callable[[Function], Handler]:
    """Say how a handler wants to be run; see `Handler` for what each means."""

    def declare(function: Function) -> Handler:
        return Handler(
            function,
            timeout_seconds=timeout_seconds,
            concurrency_key=concurrency_key,
            at_most=at_most,
            submittable=submittable,
            heeds_cancel=heeds_cancel,
        )

    return declare


class Handlers:
    """The types of task by name. A handler is imported when it is first needed."""

    def __init__(self, references: Mapping[str, str]) -> None:
        """`references` are like entry points': `{"name": "package.module:function"}`"""
        self.references = dict(references)
        self._loaded: dict[str, Handler] = {}

    @classmethod
    def installed(cls) -> Self:
        """What the installed packages offer; `ValueError` if two offer the same."""
        found = entry_points(group=GROUP)
        twice = [name for name, n in Counter(p.name for p in found).items() if n > 1]
        if twice:
            raise ValueError(f"two packages offer the same type of task: {twice}")
        return cls({point.name: point.value for point in found})

    def __contains__(self, task_type: object) -> bool:
        return task_type in self.references

    def __getitem__(self, task_type: str) -> Handler:
        """`KeyError` if there is no such type; else whatever its import raises."""
        if task_type not in self._loaded:
            found = resolve_name(self.references[task_type])
            handler = found if isinstance(found, Handler) else Handler(found)
            self._loaded[task_type] = handler
        return self._loaded[task_type]

    def check(self, task_type: str, data: Mapping[str, Any]) -> Handler:
        """The handler, if there is one, and it takes such data; else `Invalid`."""
        if task_type not in self:
            known = ", ".join(sorted(self.references)) or "none"
            raise Invalid(f"type: unknown; known are: {known}", field="type")
        handler = self[task_type]
        handler.decode(data)
        return handler


def _type_of_data(function: Function) -> Any:
    """How the second parameter is annotated; `TypeError` if there are not two."""
    try:
        _, data = inspect.signature(function, eval_str=True).parameters.values()
    except ValueError:
        raise TypeError(f"a handler takes (context, data): {function!r}") from None
    untyped = data.annotation in {inspect.Parameter.empty, Any}
    return dict[str, Any] if untyped else data.annotation

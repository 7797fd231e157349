"""Registries of features, to which other installed packages add theirs through entry points.

A registry names its built-ins and its plug-ins the same way, as `module:attribute`, and imports one only when it
is used. The module lies in scene/ because everything that registers is at or above this layer: commands, painters,
importers, stages, and the kinds of deliverable that the settings name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from animator.errors import AnimatorError, PluginError, suggest

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


class Registry(Generic[Item]):
    """Named features of one kind: built-ins in their order, then the plug-ins of the entry-point group by name.

    `builtins` maps names to `module:attribute`, or to features that need no import. `kind` describes a feature in
    messages. `mismatch` returns an objection to an object that a plug-in provides, or "".
    """

    def __init__(
        self, group: str, kind: str, builtins: Mapping[str, str | Item], mismatch: Callable[[Any], str]
    ) -> None:
        self.group, self.kind, self.mismatch, self.builtins = group, kind, mismatch, builtins
        self._loaded: dict[str, Item] = {}
        self._broken: set[str] = set()

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """Installed plug-ins by name. A name that is already taken is reported in one line and ignored."""
        try:
            found = sorted(entry_points(group=self.group))
        except Exception as error:
            logger.warning("%s: plug-ins cannot be listed: %s", self.group, describe_error(error))
            return {}
        plugins: dict[str, EntryPoint] = {}
        for item in found:
            first = "built in" if item.name in self.builtins else plugins.setdefault(item.name, item).value
            if first != item.value:
                logger.warning(
                    "%s: %r is already %s; %s is ignored", self.group, item.name, first, item.value
                )
        return plugins

    def __contains__(self, name: str) -> bool:
        return name in self.builtins or name in self.plugins

    def __iter__(self) -> Iterator[str]:
        return iter((*self.builtins, *self.plugins))

    def load(self, name: str) -> Item:
        """Return the feature `name`. Raises PluginError if it is unknown, or its plug-in cannot be loaded."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Item:
        if name in self.builtins:
            found = self.builtins[name]
            return load_attribute(found) if isinstance(found, str) else found
        if name not in self.plugins:
            raise PluginError(f"no {self.kind} {name!r}; {suggest(name, self)}")
        return self._load_plugin(self.plugins[name])

    def _load_plugin(self, item: EntryPoint) -> Item:
        with plugin_errors(f"plug-in {item.name!r} ({item.value}) cannot be loaded"):
            found: Item = item.load()
        objection = self.mismatch(found)
        if objection:
            raise PluginError(f"plug-in {item.name!r} ({item.value}) is no {self.kind}: {objection}")
        return found

    def load_plugins(self) -> Iterator[Item]:
        """Yield every plug-in that can be loaded, as `load_plugin` does."""
        yield from (item for name in self.plugins if (item := self.load_plugin(name)) is not None)

    def load_plugin(self, name: str) -> Item | None:
        """Return the plug-in `name`; None if it cannot be loaded, which is reported once, in one line."""
        if name not in self._broken:
            try:
                return self.load(name)
            except PluginError as error:
                self._broken.add(name)
                logger.warning("%s", error)
        return None


def load_attribute(value: str) -> Any:
    """Import and return `module:attribute`."""
    return EntryPoint("", value, "").load()


@contextmanager
def plugin_errors(context: str) -> Iterator[None]:
    """Turn an exception of a plug-in's code into a PluginError of one line, which begins with `context`."""
    try:
        yield
    except AnimatorError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{context}: {describe_error(error)}") from error


def describe_error(error: BaseException) -> str:
    """Return an exception's type and message as one line of at most 300 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300].removesuffix(": ")


def require_callable(found: Any) -> str:
    """Return an objection if `found` cannot be called, or ""."""
    return "" if callable(found) else f"it is a {type(found).__name__}, which cannot be called"

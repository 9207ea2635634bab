"""``Spec``: a plugin by name, with its configuration, as it travels between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coldbench.core.config import as_dict, label
from coldbench.plugins.file import PluginFile


@dataclass(frozen=True)
class Spec:
    """A method, backbone, dataset or protocol by name, with its resolved ``Config``.

    A process that reads one back from a pickle imports the plugin's file first, and no other process does.

    Attributes:
        kind: ``method``, ``backbone``, ``dataset`` or ``protocol``.
        name: Its key.
        config: An instance of its ``Config``.
        file: The plugin file that defines it; None for one that is installed.
    """

    kind: str
    name: str
    config: Any
    file: PluginFile | None = None

    @property
    def label(self) -> str:
        """The name, and what of its configuration is not the default."""
        return label(self.name, self.config)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.file is None:
            return Spec, (self.kind, self.name, self.config)
        return _restored, (self.kind, self.name, as_dict(self.config), type(self.config).__name__, self.file)


def _restored(kind: str, name: str, values: dict[str, Any], config: str, file: PluginFile) -> Spec:
    owner = getattr(file.load(), config)
    made = {field: tuple(value) if isinstance(value, list) else value for field, value in values.items()}
    return Spec(kind, name, owner(**made), file)

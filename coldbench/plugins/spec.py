"""``Spec``: a plugin's name and configuration, in a form that can be sent between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coldbench.core.config import as_dict, label
from coldbench.plugins.file import PluginFile


@dataclass(frozen=True)
class Spec:
    """The name and resolved ``Config`` of a method, backbone, dataset or protocol.

    Unpickling a spec imports its plugin file, so only the processes that read the spec import the file.

    Attributes:
        kind: ``method``, ``backbone``, ``dataset`` or ``protocol``.
        name: The plugin's key.
        config: An instance of the plugin's ``Config``.
        file: The plugin file that defines it; None for an installed plugin.
    """

    kind: str
    name: str
    config: Any
    file: PluginFile | None = None

    @property
    def label(self) -> str:
        """The name, followed by the configuration values that differ from their defaults."""
        return label(self.name, self.config)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.file is None:
            return Spec, (self.kind, self.name, self.config)
        return _restored, (self.kind, self.name, as_dict(self.config), type(self.config).__name__, self.file)


def _restored(kind: str, name: str, values: dict[str, Any], config: str, file: PluginFile) -> Spec:
    owner = getattr(file.load(), config)
    made = {field: tuple(value) if isinstance(value, list) else value for field, value in values.items()}
    return Spec(kind, name, owner(**made), file)

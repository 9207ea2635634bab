"""Plugin files outside the tree: their source is what is digested, sent to workers and run."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import re
import sys
import threading
import traceback
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import cast

from coldbench.core.errors import InputError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")  # of a plugin: it becomes part of file names and table rows
PREFIX = "coldbench_plugin_"  # of the modules that plugin files become
_SLOW = 10.0  # seconds of an import after which a person wants to know
_LARGEST = 2**20  # bytes of a plugin's source


@dataclass(frozen=True)
class PluginFile:
    """A Python file as text, which any process can run, whether it has the file or not.

    Attributes:
        path: Where it was read, for messages and tracebacks.
        source: Its content.
    """

    path: str
    source: str

    @classmethod
    def read(cls, path: Path) -> PluginFile:
        """Reads a file.

        Raises:
            InputError: It is no readable Python file, or its name is none that a plugin can have.
        """
        if path.suffix != ".py" or not NAME.fullmatch(path.stem):
            raise InputError(
                f"plugin {str(path)!r} should be a Python file named after its method, such as my_method.py "
                "(letters, digits, - and _, a letter first)"
            )
        try:
            if path.stat().st_size > _LARGEST:
                raise InputError(f"plugin {path} is larger than a megabyte; that is no source file")
            return cls(str(path), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"plugin {path} is no Python source: byte {error.start} is no UTF-8") from None
        except OSError as error:
            raise InputError(f"plugin {path} cannot be read ({error.strerror})") from None

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return Path(self.path).stem

    @property
    def module(self) -> str:
        """The name under which it is imported, the same in every process; two files of one name keep apart."""
        return f"{PREFIX}{self.stem}_{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"

    def load(self) -> ModuleType:
        """The source as a module of that name, run once per process.

        Raises:
            InputError: It raises; the message says what and in which line.
        """
        if self.module in sys.modules:
            return sys.modules[self.module]
        loader = _Loader(self)
        spec = importlib.util.spec_from_file_location(self.module, self.path, loader=loader)
        module = importlib.util.module_from_spec(cast(ModuleSpec, spec))
        sys.modules[self.module] = module  # dataclasses and pickles look it up
        slow = threading.Timer(_SLOW, lambda: print(f"plugin {self.path} is still being imported", file=sys.stderr))
        slow.daemon = True
        slow.start()
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[self.module]
            raise InputError(f"plugin {self.path} cannot be imported: {explained(error, self.path)}") from None
        finally:
            slow.cancel()
        return module


class _Loader(importlib.abc.InspectLoader):
    """Gives Python the text of a ``PluginFile`` as a module's source."""

    def __init__(self, file: PluginFile) -> None:
        self.file = file

    def get_source(self, fullname: str) -> str:
        return self.file.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.file.source, self.file.path)


def explained(error: BaseException, *paths: str) -> str:
    """An exception in one line, with the last line of a plugin's files that it passed through."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        where = "" if error.lineno is None else f" in line {error.lineno}"
        return f"{type(error).__name__}{where}: {error.msg}"
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in paths]
    where = f" (line {lines[-1].lineno}, in {lines[-1].name})" if lines else ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{where}"

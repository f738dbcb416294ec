"""A disk that can lose its power: what was not flushed may be lost, each thing by itself.

`Recorder` does what `Disk` does and writes down each step. `after(k, ...)` is the tree somebody could find who
switches on again after step *k*: bytes of a file are certain once the file was flushed, a name in a folder
once the folder was. Of the rest, *keep* says of each thing whether it got there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from muxi_llm.presets import files


@dataclass(eq=False)
class Node:
    """A file or a folder, whatever it is called."""

    data: bytes | None = None
    certain: bool = True
    entries: list[tuple[int, str, Node | None]] = field(default_factory=list)
    """Of a folder: what its names became, by step. `None`: taken away."""


@dataclass
class Step:
    """flushed: whose bytes or names are certain from here on."""

    flushed: Node | None = None
    wrote: Node | None = None
    moved: bool = False


class Recorder(files.Disk):
    """A disk over a tree that is there, and certain."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.steps: list[Step] = [Step()]
        self.tree = self._found(root)

    def _found(self, path: Path) -> Node:
        if not path.is_dir():
            return Node(path.read_bytes())
        return Node(entries=[(0, one.name, self._found(one)) for one in sorted(path.iterdir())])

    def _node(self, path: Path) -> Node:
        node = self.tree
        for part in path.relative_to(self._root).parts:
            found = {name: entry for _, name, entry in node.entries}[part]
            assert found is not None
            node = found
        return node

    def _name(self, path: Path, node: Node | None) -> None:
        if path.is_relative_to(self._root):
            self._node(path.parent).entries.append((len(self.steps), path.name, node))

    def write(self, path: Path, data: bytes, mode: int | None = None) -> None:
        super().write(path, data, mode)
        node = Node(data, certain=False)
        self._name(path, node)
        self.steps.append(Step(wrote=node))

    def flush(self, path: Path) -> None:
        super().flush(path)
        self.steps.append(Step(flushed=self._node(path)))

    def folder(self, path: Path) -> None:
        super().folder(path)
        self._name(path, Node())
        self.steps.append(Step())

    def link(self, path: Path, name: Path) -> None:
        super().link(path, name)
        self._name(name, self._node(path))
        self.steps.append(Step())

    def rename(self, path: Path, name: Path) -> None:
        super().rename(path, name)
        node = self._node(path)
        self._name(name, node)
        self._name(path, None)
        self.steps.append(Step())

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._name(path, None)
        self.steps.append(Step())

    def after(self, last: int, keep: Callable[[], bool], to: Path) -> None:
        """Write the tree that could be found after step *last* into the new folder *to*."""
        flushed = {
            id(step.flushed): at for at, step in enumerate(self.steps[: last + 1]) if step.flushed is not None
        }
        got_there: dict[int, bool] = {}

        def is_there(folder: Node, at: int) -> bool:
            if at <= flushed.get(id(folder), 0):
                return True
            return got_there.setdefault(at, keep())  # both ends of a rename, or neither

        def write(node: Node, path: Path) -> None:
            if node.data is not None:
                certain = node.certain or id(node) in flushed
                path.write_bytes(node.data if certain or keep() else node.data[: len(node.data) // 2])
                return
            path.mkdir()
            names = {name: entry for at, name, entry in node.entries if at <= last and is_there(node, at)}
            for name, entry in names.items():
                if entry is not None:
                    write(entry, path / name)

        write(self.tree, to)

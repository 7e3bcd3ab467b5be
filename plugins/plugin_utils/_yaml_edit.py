# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Changes in a YAML file which leave each byte outside of them as it is.

PyYAML tells where each key and value begins and ends; the text is spliced there. The result is read again, and must be
what was wanted in every key and value of the file. Where it is not, nothing is changed: a file that is written in an
unforeseen way leads to an error, never to a wrong file.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SettingsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._secret_names import is_secret
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import yaml_place, yaml_problem
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import MASK, masked_text, option_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_text import (
    block_lines,
    flow_text,
    is_ambiguous,
    is_block,
    is_clear_integer,
    scalar_text,
)

Path = t.Tuple[str, ...]

_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_MAP = "tag:yaml.org,2002:map"
_SEQ = "tag:yaml.org,2002:seq"
_MERGE = "tag:yaml.org,2002:merge"

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAKS = "\n\r\x85\u2028\u2029"
_COLON = re.compile(r"[ \t]*:")
_BLANK = " \t" + _BREAKS
_STEP = 2

# A setting that somebody has switched off may stand in one.
_COMMENT = re.compile("(?<!\\S)#[^\n\r\x85\u2028\u2029]*")
_CHANGED = f"{MASK} (changed)"


class _AliasNode(yaml.Node):
    """An alias; PyYAML itself puts the node there that it stands for."""

    id = "alias"
    #: What it stands for.
    target: yaml.Node


class _Loader(yaml.SafeLoader):
    """Makes the tree of a file, and notes what PyYAML's tree does not tell: aliases, and where anchors and tags are."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        #: Of each node with an anchor or a tag: the two.
        self.properties: t.Dict[int, t.Tuple[t.Optional[str], t.Optional[str]]] = {}

    def compose_node(self, parent: t.Any, index: t.Any) -> t.Any:
        event = self.peek_event()
        node: t.Any = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent):
            alias = _AliasNode("", event.anchor, t.cast(t.Any, event.start_mark), t.cast(t.Any, event.end_mark))
            alias.target = node
            return alias
        if event.anchor is not None or event.tag is not None:
            self.properties[id(node)] = (event.anchor, event.tag)
        return node


@dataclasses.dataclass
class Edited:
    """The file after the change, and the values of the keys that were named, before and after.

    A key that is not in the file is in neither mapping.
    """

    content: bytes
    changed: bool
    before: t.Dict[str, t.Any]
    after: t.Dict[str, t.Any]


@dataclasses.dataclass
class _Operation:
    """One change: a key gets a value, or goes."""

    path: Path
    value: t.Any = None
    remove: bool = False


def edit(
    content: bytes,
    name: str,
    settings: t.Mapping[str, t.Any],
    absent: t.Sequence[Path] = (),
    defaults: t.Optional[t.Mapping[str, t.Any]] = None,
) -> Edited:
    """Change a file.

    :param name: The path of the file, for messages.
    :param settings: The wanted values. Mappings are merged with what is there, lists replace it.
    :param absent: The keys to remove.
    :param defaults: What keys of the root stand for that are not in the file.
    :raises SettingsError: The file cannot be changed safely; the text tells the line and the column.
    """
    text = _decode(content, name)
    document = _Document(text, name)
    document.check(settings, absent)
    operations = [
        *_to_set(document, document.root, settings, (), defaults or {}),
        *(_Operation(path, remove=True) for path in absent if document.find(path)),
    ]
    before = _named(document, settings, absent)
    if not operations:
        return Edited(content, False, before, before)
    wanted = document.canonical()
    for operation in operations:
        text = _apply(document, operation)
        _change(wanted, operation)
        try:
            document = _Document(text, name)
            as_wanted = document.canonical() == wanted
        except SettingsError:
            as_wanted = False
        if not as_wanted:
            key = ".".join(operation.path)
            raise SettingsError(
                f"{name} is written in a way in which {key} cannot be changed safely. Nothing was changed: do it by hand."
            )
    return Edited(text.encode("utf-8"), True, before, _named(document, settings, absent))


def read_value(content: bytes, name: str, path: Path) -> t.Any:
    """Return one value of a file, None where it is not there.

    :raises SettingsError: The file is no YAML, or no mapping.
    """
    document = _Document(_decode(content, name), name)
    found = document.find(path)
    return document.python(found[1]) if found else None


def masked(content: bytes, name: str, former: bytes = b"") -> str:
    """The file to be shown, without what is secret.

    :param former: What it was. Where a secret is another one than there, and the mask is the same, it says so.
    :raises SettingsError: The file is no YAML, or no mapping.
    """
    before, document = (_Document(_decode(each, name), name) for each in (former, content))
    was = {path: (node, shown) for path, node, shown in _masks(before, before.root)}
    text = document.text
    for path, node, shown in sorted(_masks(document, document.root), key=_start, reverse=True):
        old, old_shown = was.get(path, (node, shown))
        if shown == old_shown and (node.tag, node.value) != (old.tag, old.value):
            shown = shown.replace(MASK, _CHANGED)
        start, end = node.start_mark.index, node.end_mark.index
        text = text[:start] + shown + text[start + len(text[start:end].rstrip()) :]
    return _COMMENT.sub(lambda match: masked_text(match.group()), text)


def _start(mask: t.Tuple[t.Any, yaml.Node, str]) -> int:
    return int(mask[1].start_mark.index)


def _masks(
    document: _Document,
    node: t.Optional[yaml.Node],
    is_hidden: bool = False,
    path: t.Tuple[t.Any, ...] = (),
    is_argument: bool = False,
) -> t.Iterator[t.Tuple[t.Tuple[t.Any, ...], yaml.ScalarNode, str]]:
    """The values with secrets: where each of them is, and the text that is shown in its place."""
    if isinstance(node, yaml.MappingNode):
        seen: t.Dict[t.Any, int] = {}
        for key, value in node.value:
            # A key may be there twice.
            name = str(key.value)
            seen[name] = seen.get(name, 0) + 1
            yield from _masks(document, value, is_hidden or is_secret(name), (*path, name, seen[name]))
    elif isinstance(node, yaml.SequenceNode):
        secret = option_values([item.value for item in node.value])
        for number, item in enumerate(node.value):
            yield from _masks(document, item, is_hidden or number in secret, (*path, number), True)
    elif isinstance(node, yaml.ScalarNode) and is_hidden:
        if node.tag not in (_BOOL, _NULL):
            yield path, node, MASK
    elif isinstance(node, yaml.ScalarNode):
        shown = masked_text(node.value, is_argument)
        if MASK in shown:
            written = document.text[node.start_mark.index : node.end_mark.index].rstrip()
            # What is written in several lines or with escapes is masked as a whole.
            yield path, node, written.replace(node.value, shown) if node.value in written else MASK


# -- the file -----------------------------------------------------------------------------------------------------


class _Document:
    """A text and its tree."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._loader: t.Optional[_Loader] = None
        root = self._compose()
        if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _NULL and not root.value):
            if root is not None and self._has_properties(root):
                raise self.error(root, "an anchor or a tag stands where Swarm's settings are a mapping")
            root = None
        elif not isinstance(root, yaml.MappingNode):
            raise self.error(root, f"a {_kind(root)} stands where Swarm's settings are a mapping")
        #: None: there are no settings.
        self.root: t.Optional[yaml.MappingNode] = root

    def _compose(self) -> t.Optional[yaml.Node]:
        try:
            self._loader = loader = _Loader(self.text)
            try:
                return loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.reader.ReaderError as error:
            where = _where(self.text, int(t.cast(t.Any, error).position))
            raise SettingsError(
                f"{self.name}, {where}: this is not valid YAML: the character {_code(error.character)} may not stand in it."
            ) from error
        except yaml.MarkedYAMLError as error:
            where = yaml_place(error)
            if error.context == "expected a single document in the stream":
                raise SettingsError(
                    f"{self.name}{where}: a second document begins here; Swarm's settings are one."
                ) from error
            raise SettingsError(f"{self.name}{where}: this is not valid YAML: {yaml_problem(error)}.") from None
        except RecursionError as error:
            raise SettingsError(f"{self.name} is nested too deeply.") from error

    def error(self, node: yaml.Node, text: str) -> SettingsError:
        mark = node.start_mark
        return SettingsError(
            f"{self.name}, line {mark.line + 1}, column {mark.column + 1}: {text}. Nothing was changed."
        )

    def find(self, path: Path) -> t.Optional[t.Tuple[yaml.Node, yaml.Node]]:
        """The key and the value, None where it is not there."""
        found: t.Optional[t.Tuple[yaml.Node, yaml.Node]] = None
        node: t.Optional[yaml.Node] = self.root
        for name in path:
            found = _entry(node, name)
            if not found:
                return None
            node = found[1]
        return found

    def check(self, settings: t.Mapping[str, t.Any], absent: t.Sequence[Path]) -> None:
        """Refuse what stands in the way of a change, whether or not there is one to be made.

        A value that is used in two places would change in both, and of two values for one key the reader chooses.
        """
        if self.root is not None:
            wanted: t.Dict[str, t.Any] = {}
            for path in absent:
                inner = wanted
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = None
            self._check_mapping(self.root, settings)
            self._check_mapping(self.root, wanted)

    def _check_mapping(self, node: yaml.MappingNode, wanted: t.Mapping[str, t.Any]) -> None:
        self._check_node(node)
        seen: t.Set[str] = set()
        for key, value in node.value:
            if key.tag == _MERGE:
                raise self.error(key, "the merge key << makes other keys part of this mapping. Write them out")
            if isinstance(key, yaml.ScalarNode):
                if key.tag + key.value in seen:
                    raise self.error(key, f"the key {key.value} is here for the second time. Remove one of the two")
                seen.add(key.tag + key.value)
            if not _is_key(key) or key.value not in wanted:
                continue
            self._check_node(key)
            inner = wanted[key.value]
            if isinstance(inner, dict) and isinstance(value, yaml.MappingNode):
                self._check_mapping(value, inner)
            else:
                self._check_tree(value)

    def _check_tree(self, node: yaml.Node) -> None:
        self._check_node(node)
        for child in _children(node):
            self._check_tree(child)

    def _check_node(self, node: yaml.Node) -> None:
        if isinstance(node, _AliasNode):
            raise self.error(node, f"the alias *{node.value} stands for a value elsewhere. Write the value out")
        if self._has_properties(node):
            anchor, tag = self._properties[id(node)]
            what = f"the anchor &{anchor}" if anchor is not None else f"the tag {tag}"
            raise self.error(node, f"{what} stands here. Remove it to let this be changed")

    @property
    def _properties(self) -> t.Dict[int, t.Tuple[t.Optional[str], t.Optional[str]]]:
        return self._loader.properties if self._loader else {}

    def _has_properties(self, node: yaml.Node) -> bool:
        return id(node) in self._properties

    def canonical(self) -> t.Any:
        """All that the file says, in lists that can be compared and changed."""
        return self._canonical(self.root) if self.root is not None else ["map", None, _MAP, []]

    def _canonical(self, node: yaml.Node) -> t.Any:
        anchor = self._properties.get(id(node), (None, None))[0]
        if isinstance(node, yaml.MappingNode):
            pairs = [[self._canonical(key), self._canonical(value)] for key, value in node.value]
            return ["map", anchor, node.tag, pairs]
        if isinstance(node, yaml.SequenceNode):
            return ["seq", anchor, node.tag, [self._canonical(item) for item in node.value]]
        return [_kind(node), anchor, node.tag, node.value]

    def python(self, node: yaml.Node) -> t.Any:
        """The value as data, for people; what has no such form is the text that stands there."""
        if isinstance(node, yaml.MappingNode):
            return {str(self.python(key)): self.python(value) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self.python(item) for item in node.value]
        if isinstance(node, _AliasNode) and isinstance(node.target, yaml.ScalarNode):
            return self.python(node.target)
        if isinstance(node, yaml.ScalarNode) and node.tag in (_INT, _FLOAT, _BOOL, _NULL):
            try:
                return yaml.constructor.SafeConstructor().construct_object(node)
            except (yaml.YAMLError, ValueError):
                pass
        return node.value

    def same(self, node: yaml.Node, wanted: t.Any) -> bool:
        """Whether the value is the wanted one for every reader of YAML, whatever its spelling."""
        if isinstance(wanted, dict):
            if not isinstance(node, yaml.MappingNode) or len(node.value) != len(wanted):
                return False
            found = [(_entry(node, name), value) for name, value in wanted.items()]
            return all(entry is not None and self.same(entry[1], value) for entry, value in found)
        if isinstance(wanted, list):
            if not isinstance(node, yaml.SequenceNode) or len(node.value) != len(wanted):
                return False
            return all(self.same(item, value) for item, value in zip(node.value, wanted, strict=True))
        if not isinstance(node, yaml.ScalarNode):
            return False
        if isinstance(wanted, str):
            return node.tag == _STR and node.value == wanted and (bool(node.style) or not is_ambiguous(node.value))
        if isinstance(wanted, bool) or wanted is None:
            return node.tag == (_NULL if wanted is None else _BOOL) and self.python(node) is wanted
        if node.tag == _INT and not is_clear_integer(node.value):
            return False
        return node.tag in (_INT, _FLOAT) and bool(self.python(node) == wanted)


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        where = _where(content[: error.start].decode("utf-8"), None)
        raise SettingsError(f"{name}, {where}: this is not UTF-8 (byte {error.start}). Nothing was changed.") from error


def _where(text: str, position: t.Optional[int]) -> str:
    before = text if position is None else text[:position]
    lines = _BREAK.split(before)
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def _code(character: t.Any) -> str:
    return f"U+{character:04X}" if isinstance(character, int) else repr(character)


def _kind(node: yaml.Node) -> str:
    kinds = {yaml.ScalarNode: "single value", yaml.SequenceNode: "list", yaml.MappingNode: "mapping"}
    return kinds.get(type(node), "alias")


def _is_key(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _STR


def _entry(node: t.Optional[yaml.Node], name: str) -> t.Optional[t.Tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if _is_key(key) and key.value == name:
                return key, value
    return None


def _children(node: yaml.Node) -> t.List[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


# -- what is to be done -------------------------------------------------------------------------------------------


def _to_set(
    document: _Document,
    node: t.Optional[yaml.Node],
    settings: t.Mapping[str, t.Any],
    path: Path,
    defaults: t.Mapping[str, t.Any],
) -> t.Iterator[_Operation]:
    for name, value in settings.items():
        found = _entry(node, name)
        if not found:
            if name not in defaults or not _equal(defaults[name], value):
                yield _Operation((*path, name), value)
        elif isinstance(value, dict) and isinstance(found[1], yaml.MappingNode):
            yield from _to_set(document, found[1], value, (*path, name), {})
        elif not document.same(found[1], value):
            yield _Operation((*path, name), value)


def _equal(one: t.Any, other: t.Any) -> bool:
    """As in YAML: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _named(document: _Document, settings: t.Mapping[str, t.Any], absent: t.Sequence[Path]) -> t.Dict[str, t.Any]:
    """The values of the named keys, nested as they are in the file."""
    found: t.Dict[str, t.Any] = {}
    for path in [*_leaves(settings, ()), *absent]:
        for length in range(1, len(path) + 1):
            entry = document.find(path[:length])
            if not entry:
                break
            # A key on the way to a named one is a mapping, or is itself what was there.
            if length == len(path) or not isinstance(entry[1], yaml.MappingNode):
                inner = found
                for name in path[: length - 1]:
                    inner = inner.setdefault(name, {})
                inner[path[length - 1]] = document.python(entry[1])
                break
    return found


def _leaves(settings: t.Mapping[str, t.Any], path: Path) -> t.Iterator[Path]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name)


def _change(canonical: t.Any, operation: _Operation) -> None:
    """Do to the canonical form of a file what is to be done to the file."""
    *parents, name = operation.path
    pairs = canonical[3]
    for parent in parents:
        pairs = next(value[3] for key, value in pairs if key[2:] == [_STR, parent])
    place = next((number for number, (key, dummy) in enumerate(pairs) if key[2:] == [_STR, name]), None)
    if operation.remove:
        del pairs[place]
    elif place is None:
        pairs.append([_canonical_value(name), _canonical_value(operation.value)])
    else:
        pairs[place][1] = _canonical_value(operation.value)


def _canonical_value(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        pairs = [[_canonical_value(key), _canonical_value(item)] for key, item in value.items()]
        return ["map", None, _MAP, pairs]
    if isinstance(value, list):
        return ["seq", None, _SEQ, [_canonical_value(item) for item in value]]
    if isinstance(value, str):
        return ["single value", None, _STR, value]
    tag = {bool: _BOOL, int: _INT, float: _FLOAT, type(None): _NULL}[type(value)]
    return ["single value", None, tag, scalar_text(value)]


# -- the change in the text ---------------------------------------------------------------------------------------


def _apply(document: _Document, operation: _Operation) -> str:
    """Return the text with one change."""
    splicer = _Splicer(document)
    parent = document.root
    if len(operation.path) > 1:
        parent = t.cast(yaml.MappingNode, t.cast(t.Any, document.find(operation.path[:-1]))[1])
    found = document.find(operation.path)
    if operation.remove:
        return splicer.remove(t.cast(yaml.MappingNode, parent), operation.path)
    if found:
        return splicer.replace(t.cast(yaml.MappingNode, parent), found[0], found[1], operation.value)
    if parent is None:
        return splicer.begin(operation.path[-1], operation.value)
    return splicer.add(parent, operation.path, operation.value)


class _Splicer:
    """Finds the places in a text, and puts other text there."""

    def __init__(self, document: _Document) -> None:
        self._document = document
        self._text = document.text
        first = _BREAK.search(self._text)
        self._newline = first.group() if first else "\n"
        self._step, self._list_step = self._steps()

    # -- a new key

    def begin(self, name: str, value: t.Any) -> str:
        """The first key of a file that has none; before the mark that ends a document, if there is one."""
        end = re.search(r"(?m)^\.\.\.(?:\s|$)", self._text)
        return self._insert_lines(end.start() if end else len(self._text), block_lines({name: value}, *self._indents))

    def add(self, mapping: yaml.MappingNode, path: Path, value: t.Any) -> str:
        """A new key at the end of a mapping."""
        name = path[-1]
        if mapping.flow_style:
            return self._add_to_flow(mapping, name, value)
        last = mapping.value[-1][1]
        indent = " " * mapping.start_mark.column
        lines = [indent + line for line in block_lines({name: value}, *self._indents)]
        return self._insert_lines(self._after_entry(last, mapping.start_mark.column), lines)

    def _add_to_flow(self, mapping: yaml.MappingNode, name: str, value: t.Any) -> str:
        if not mapping.value:
            place = mapping.start_mark.index + 1
            return self._put(place, place, f"{scalar_text(name)}: {flow_text(value)}")
        key, last = mapping.value[-1]
        # In a file that is JSON, the new key is JSON, too.
        style = '"' if key.style == '"' else None
        entry = f"{scalar_text(name, style)}: {flow_text(value, style)}"
        place = last.end_mark.index
        gap = " "
        if key.start_mark.line != mapping.start_mark.line:
            gap = self._newline + " " * key.start_mark.column
        comma = re.match(r"[\s]*,", self._text[place : mapping.end_mark.index])
        if comma:
            place += comma.end()
            return self._put(place, place, f"{gap}{entry},")
        return self._put(place, place, f",{gap}{entry}")

    # -- another value

    def replace(self, mapping: yaml.MappingNode, key: yaml.Node, node: yaml.Node, value: t.Any) -> str:
        start, end = node.start_mark.index, node.end_mark.index
        if mapping.flow_style:
            style = getattr(node, "style", None) or ('"' if getattr(key, "style", None) == '"' else None)
            return self._put_inline(start, end, flow_text(value, style))
        is_block_node = isinstance(node, yaml.CollectionNode) and not node.flow_style
        if not is_block(value) or (isinstance(node, yaml.CollectionNode) and node.flow_style):
            if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
                return self._put(start, self._content_end(node), flow_text(value) + self._header_comment(node))
            if is_block_node:
                return self._put_inline(self._after_colon(key), self._content_end(node), flow_text(value))
            return self._put_inline(start, end, flow_text(value, getattr(node, "style", None)))
        indent = mapping.start_mark.column + (self._list_step if isinstance(value, list) else self._step)
        if isinstance(value, list) and isinstance(node, yaml.SequenceNode):
            indent = node.start_mark.column
            lines = (self._newline + " " * indent).join(block_lines(value, *self._indents))
            return self._put(start, self._content_end(node), lines)
        lines = "".join(f"{self._newline}{' ' * indent}{line}" for line in block_lines(value, *self._indents))
        if isinstance(node, yaml.ScalarNode) and node.style not in ("|", ">"):
            # A comment after the old value stays after the key.
            line_end = self._line_end(end)
            kept = self._text[end:line_end]
            return self._put(self._after_colon(key), line_end, kept + lines)
        return self._put(self._after_colon(key), self._content_end(node), lines)

    # -- no key

    def remove(self, mapping: yaml.MappingNode, path: Path) -> str:
        key, node = t.cast("t.Tuple[yaml.Node, yaml.Node]", self._document.find(path))
        names = [pair[0] for pair in mapping.value]
        place = names.index(key)
        if mapping.flow_style:
            if place + 1 < len(names):
                return self._put(key.start_mark.index, names[place + 1].start_mark.index, "")
            start = mapping.value[place - 1][1].end_mark.index if place else key.start_mark.index
            return self._put(start, node.end_mark.index, "")
        if len(names) == 1 and len(path) > 1:
            # An empty mapping cannot be written in lines.
            parent = t.cast("t.Tuple[yaml.Node, yaml.Node]", self._document.find(path[:-1]))
            return self._put_inline(self._after_colon(parent[0]), self._content_end(mapping), "{}")
        start = key.start_mark.index - key.start_mark.column
        if self._text[start : key.start_mark.index].strip(" "):
            raise self._document.error(key, "the line does not begin with this key. Remove it by hand")
        end = self._next_line(self._content_end(node))
        if end == len(self._text) and self._text[-1:] not in _BREAKS:
            # The last line had no newline at its end, and the new last line gets none.
            before = list(_BREAK.finditer(self._text, 0, start))
            start = before[-1].start() if before and before[-1].end() == start else start
        return self._put(start, end, "")

    # -- places

    @property
    def _indents(self) -> t.Tuple[int, int]:
        return self._step, self._list_step

    def _steps(self) -> t.Tuple[int, int]:
        """How far the file indents a mapping and a list in a mapping: as the first of each."""
        step, list_step = None, None
        todo: t.List[yaml.Node] = [self._document.root] if self._document.root is not None else []
        while todo:
            node = todo.pop(0)
            todo += _children(node)
            if isinstance(node, yaml.MappingNode) and not node.flow_style:
                for dummy, value in node.value:
                    if isinstance(value, yaml.CollectionNode) and not value.flow_style:
                        deeper = value.start_mark.column - node.start_mark.column
                        if isinstance(value, yaml.SequenceNode):
                            list_step = deeper if list_step is None else list_step
                        elif deeper > 0:
                            step = deeper if step is None else step
        step = step or _STEP
        return step, step if list_step is None else list_step

    def _content_end(self, node: yaml.Node) -> int:
        """Where the last character of a value is. PyYAML lets a block end where the next thing begins."""
        while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
        end = int(node.end_mark.index)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            start = node.start_mark.index
            return start + len(self._text[start:end].rstrip(_BLANK))
        return end

    def _header_comment(self, node: yaml.Node) -> str:
        header = self._text[node.start_mark.index : self._line_end(node.start_mark.index)]
        comment = re.search(r"[ \t]+#.*", header)
        return comment.group() if comment else ""

    def _after_entry(self, last: yaml.Node, column: int) -> int:
        """Where the line after an entry begins, and the lines of comment that are indented like a part of it."""
        place = self._next_line(self._content_end(last))
        while place < len(self._text):
            line = self._text[place : self._line_end(place)]
            content = line.lstrip(" ")
            if not content.startswith("#") or len(line) - len(content) <= column:
                break
            place = self._next_line(place)
        return place

    def _after_colon(self, key: yaml.Node) -> int:
        colon = _COLON.match(self._text, key.end_mark.index)
        if not colon:
            raise self._document.error(key, "this key is not followed by a colon on its line. Change it by hand")
        return colon.end()

    def _line_end(self, place: int) -> int:
        end = _BREAK.search(self._text, place)
        return end.start() if end else len(self._text)

    def _next_line(self, place: int) -> int:
        end = _BREAK.search(self._text, place)
        return end.end() if end else len(self._text)

    # -- putting

    def _put(self, start: int, end: int, text: str) -> str:
        return self._text[:start] + text + self._text[end:]

    def _put_inline(self, start: int, end: int, text: str) -> str:
        """A value without space around it, as an empty one is, gets the space that it needs."""
        if self._text[start - 1 : start] == ":":
            text = " " + text
        return self._put(start, end, text)

    def _insert_lines(self, place: int, lines: t.List[str]) -> str:
        """Lines that begin at a place; at the end of a file without a last newline, they do not bring one either."""
        text = self._newline.join(lines)
        if place and self._text[place - 1] not in _BREAKS and self._text[:place] != "\ufeff":
            return self._put(place, place, self._newline + text)
        return self._put(place, place, text + self._newline)

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""All texts within a result."""

from __future__ import annotations

import dataclasses
import typing as t


def in_texts(value: t.Any, change: t.Callable[[str], str]) -> t.Any:
    """A value with each text in it changed, also in what ansible-core since 2.19 says of an error; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: in_texts(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [in_texts(item, change) for item in value]
        return tuple(changed) if isinstance(value, tuple) else changed
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(value, **{name: in_texts(getattr(value, name), change) for name in names})
    return value

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of a log, on their way to whoever masks them."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import marked, unmarked


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([], ""),
        ([" ", ""], ""),
        (["a"], "A"),
        ([" a b", "", "b", "b ", "c"], "A B / B / C"),
        # What Swarm writes is no mark.
        (["a\x03b\x02", "\x02"], "A\\X03B\\X02 / \\X02"),
    ],
)
def test_each_line_is_masked_for_itself(lines, shown):
    text = f"it wrote: {marked(lines)}; and \x02 then: {marked(lines)}."
    assert unmarked(text, str.upper) == f"it wrote: {shown}; and \x02 then: {shown}."


def test_what_is_long_is_cut_when_it_is_masked():
    """A name is not cut off its secret, nor a secret in two."""
    line = f"token: {'geheim ' * 200}"
    hidden = unmarked(marked(["a", line, "b"]), lambda line: "token: ****" if "token" in line else line)
    assert hidden == "a / token: **** / b"
    assert len(unmarked(marked([line]), str)) == 1000
    told = []
    unmarked(marked([f"{'x' * 9990} a geheim-geheim z", "y" * 10001]), lambda line: told.append(line) or line)
    assert told == [f"{'x' * 9990} a ...", "..."]

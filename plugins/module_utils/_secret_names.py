# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Which names say that what they name is secret: of keys of settings, of parameters, and of options of a mount."""

from __future__ import annotations

import re

# A name is read by its words, which begin at a change of case and at what is no letter: authToken, proxy_auth.
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORD = re.compile("(?:auth|authori[sz]ation|bearer|cookie|cred|jwt|oauth|psk|pw|pwd|sig|signature)s?|private.*")
# These say it at the end of a name alone: dbPass and apiKey, not passThrough and keyframes.
_LAST_WORD = re.compile("pass|.*keys?")
# These say it also where a name is not divided.
_PART = re.compile("(?i)credential|pass[ _.-]?(?:code|phrase|w(?:or)?[dt])|secret|token")


def is_secret(name: str) -> bool:
    """Whether a key, an option or a parameter has a name that says so."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(_PART.search(name) or any(map(_WORD.fullmatch, words)) or (words and _LAST_WORD.fullmatch(words[-1])))

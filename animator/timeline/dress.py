"""Prompt styles: the text a style adds before and after a prompt, and to the negative prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from animator.errors import CurveError, nearest, quoted
from animator.scene.styles import Style
from animator.timeline.clock import Clock, Signals
from animator.timeline.prompt_formulas import Text, wording
from animator.timeline.prompts import Texts, timed

_LEADS = re.compile(r"\s+(of|with|in|on|as)\s*$")  # dropped from `before` if no prompt follows it


def dressed(
    spoken: tuple[Texts, Texts], written: Any, shelf: Mapping[str, Style], clock: Clock, signals: Signals
) -> tuple[Texts, Texts]:
    """Return prompts and negative prompts, `spoken`, wrapped in the styles of the keyframes `written`.

    `shelf` has the styles by name. A key of the prompts or of the styles begins a new text, so that `travel` blends
    from style to style as from prompt to prompt. Raises CurveError for an unknown style.
    """
    styles: dict[int, tuple[Text, Text, Text] | None] = {}
    for frame, (key, text) in timed(written, clock).items():
        name = text.strip()
        if name and name not in shelf:
            raise CurveError(f"no style {quoted(name)}; {nearest(name, shelf)}", key)
        try:
            styles[frame] = _understood(shelf[name], signals, clock.frames) if name else None
        except CurveError as error:
            raise CurveError(f"style {name!r}: {error}", key) from error
    wanted, unwanted = spoken
    words: Texts = {}
    against: Texts = {}
    for frame in sorted({*wanted, *styles}):
        said, no, style = _last(wanted, frame), _last(unwanted, frame), _last(styles, frame)
        if style is not None:
            before, after, negative = style
            if said.empty:
                before = Text(_LEADS.sub("", before.plain), before.changing, before.loras)
            said = before + said + after
            no = no + Text("" if no.empty or negative.empty else ", ") + negative
        words[frame], against[frame] = said, no
    return words, against


def _understood(style: Style, signals: Signals, frames: int) -> tuple[Text, Text, Text]:
    before, after, negative = (
        wording(text, signals, frames) for text in (style.before, style.after, style.negative)
    )
    for name in negative.loras:
        raise CurveError(f"<lora:{name}> does nothing in a negative prompt")
    return before, after, negative


def _last(keyframes: Mapping[int, Any], frame: int) -> Any:
    """Return the value of the last key at or before `frame`."""
    starts = list(keyframes)
    return keyframes[starts[int(np.searchsorted(starts, frame, side="right")) - 1]]

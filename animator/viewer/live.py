"""Progress of a film while it is painted: a bar, counts, and the latest frame."""

from __future__ import annotations

from animator.runs.cost import about
from animator.viewer.fill import link


def live(done: int, total: int, painted: int, pace: float, jpeg: bytes | None) -> str:
    """Return HTML for `done` of `total` frames (0: unknown), `painted` of them painted, at `pace` seconds each.

    `jpeg`: the latest frame; None while the model is being loaded.
    """
    if jpeg is None:
        return '<div class="animator"><p class="told">loading the model</p></div>'
    words = [f"{done} of {total} frames" if total else f"{done} frames"]
    words += [f"{painted} painted, {done - painted} in-between", f"{pace:.2f} s per frame"]
    if done < total:
        words.append(f"{about(pace * (total - done))} left")
    bar = f'<div class="progress"><div style="width:{100 * done / total:.1f}%"></div></div>' if total else ""
    picture = f'<img alt="the latest frame" src="{link("image/jpeg", jpeg)}">'
    return f'<div class="animator">{bar}<p class="told">{" · ".join(words)}</p>{picture}</div>'

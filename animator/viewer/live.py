"""How far a film is while it is painted: a bar, words, and the latest picture."""

from __future__ import annotations

from animator.runs.cost import about
from animator.viewer.fill import link


def live(done: int, total: int, painted: int, pace: float, jpeg: bytes | None) -> str:
    """HTML for `done` of `total` frames (0: nobody knows), of which `painted` were painted, at `pace` seconds each."""
    if jpeg is None:
        return '<div class="animator"><p class="told">loading the model</p></div>'
    words = [f"{done} of {total} frames" if total else f"{done} frames"]
    words += [f"{painted} painted, {done - painted} in-between", f"{pace:.2f} s a frame"]
    if done < total:
        words.append(f"{about(pace * (total - done))} left")
    bar = f'<div class="progress"><div style="width:{100 * done / total:.1f}%"></div></div>' if total else ""
    picture = f'<img alt="the latest picture" src="{link("image/jpeg", jpeg)}">'
    return f'<div class="animator">{bar}<p class="told">{" · ".join(words)}</p>{picture}</div>'

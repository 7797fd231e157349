"""Audio of a scene: the part of the track it plays, and the signals of that part."""

from __future__ import annotations

from animator.scene.scene import Scene
from animator.timeline.audio import Heard, hear, silence
from animator.timeline.track import Sound


def sound(scene: Scene) -> Sound | None:
    """Return the part of the audio track that the film plays; None without a track."""
    audio = scene.settings.audio
    if audio is None:
        return None
    file = scene.file(("audio", "file"), audio.file)
    seconds = scene.frames / scene.settings.video.fps
    return Sound(file, audio.start, seconds, audio.fade_in, audio.fade_out)


def listen(scene: Scene) -> Heard | None:
    """Return the signals and beats of the scene's track; None without a track.

    A missing file gives silence: reading the scene has reported it already. Raises CurveError for a file without
    sound.
    """
    audio, track = scene.settings.audio, sound(scene)
    if audio is None or track is None:
        return None
    if not track.file.is_file():
        return silence(scene.frames)
    changed = track.file.stat().st_mtime_ns
    return hear(track, changed, scene.settings.video.fps, scene.frames, audio.attack, audio.release)

"""The track of a scene, as its curves hear it."""

from __future__ import annotations

from animator.scene.scene import Scene
from animator.timeline.audio import Heard, hear, silence
from animator.timeline.track import Sound


def sound(scene: Scene) -> Sound | None:
    """The stretch of its track that the film plays, if it has one."""
    audio = scene.settings.audio
    if audio is None:
        return None
    file = scene.file(("audio", "file"), audio.file)
    seconds = scene.frames / scene.settings.video.fps
    return Sound(file, audio.start, seconds, audio.fade_in, audio.fade_out)


def listen(scene: Scene) -> Heard | None:
    """What the film hears; silence where the track is not there, which reading the file has told already.

    Raises CurveError for a file without sound.
    """
    audio, track = scene.settings.audio, sound(scene)
    if audio is None or track is None:
        return None
    if not track.file.is_file():
        return silence(scene.frames)
    changed = track.file.stat().st_mtime_ns
    return hear(track, changed, scene.settings.video.fps, scene.frames, audio.attack, audio.release)

"""A scene's additional models: ControlNets and the sources of their hints, IP-Adapters, the refiner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.errors import Problem, SceneError
from animator.frame import Image
from animator.models import nano
from animator.render import grading
from animator.scene.control import control_files
from animator.scene.ip_adapter import adapter_files
from animator.scene.presets import is_file
from animator.scene.refiner import BASE
from animator.scene.scene import Scene

if TYPE_CHECKING:
    from animator.diffusion.adapters import Adapter
    from animator.diffusion.controlnet import Net
    from animator.render.footage import Footage
    from animator.render.hints import Make, Source
    from animator.render.loop import Camera, Paint
    from animator.render.masks import Masks

SQUARE = 448  # pixels: twice the input of CLIP's image encoders, which shrink it with their own filter


def problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of existing ControlNet and IP-Adapter files, judged by their headers."""
    if scene.settings.control or scene.settings.ip_adapter:
        yield from _misfits(scene)
    for path, name in [*control_files(scene), *adapter_files(scene)]:
        file = scene.file(path, name)
        try:
            if is_file(file):
                _check(file, path[-1])
        except (OSError, ValueError) as error:
            kind = "a video" if path[-1] == "video" else "an image"
            yield scene.problem(path, f"cannot be used as {kind}: {error}")


def _check(file: Path, kind: str) -> None:
    """Read the header of an image, or of a video if `kind` is "video". Raises OSError, ValueError."""
    if kind == "video":
        from animator.imaging.io import length

        length(file)
    else:
        from animator.imaging.picture import check

        check(file)


def _misfits(scene: Scene) -> Iterator[Problem]:
    """Yield ControlNets and IP-Adapters that do not fit the checkpoint, by their configs and headers.

    Also yields ControlNet files that are missing or are not .safetensors.
    """
    from animator.models import safetensors as headers

    base = scene.settings.model.base
    wanted = headers.text_width(nano.WEIGHTS if base == "nano" else scene.file(("model", "base"), base))
    for name, adapter in scene.settings.ip_adapter.items():
        path = ("ip_adapter", name, "weights")
        place = scene.file(("ip_adapter", name, "model"), adapter.model) / adapter.weights
        if place.suffix == ".safetensors" and (why := headers.misfit(headers.text_width(place), wanted)):
            yield scene.problem(path, why)
    for name, control in scene.settings.control.items():
        path = ("control", name, "model")
        place = scene.file(path, control.model)
        if place.suffix in headers.WEIGHTS:
            yield scene.problem(path, "only .safetensors files are loaded; others can run code")
        elif place.suffix == ".safetensors" and not is_file(place):
            yield scene.problem(path, f"no such file: {place}")
        elif place.exists() and (why := headers.misfit(headers.text_width(place), wanted)):
            yield scene.problem(path, why)
        yield from _kinds(scene, name, place)


def _kinds(scene: Scene, name: str, place: Path) -> Iterator[Problem]:
    """Yield the problem of a hint type that a Union ControlNet, a folder, does not support."""
    from animator.models import safetensors as headers

    most = headers.config(place).get("num_control_type") if place.is_dir() else None
    mode = scene.settings.control[name].mode
    if most is not None and mode is None:
        yield scene.problem(
            ("control", name), "a Union model needs to know what the image shows; add e.g. 'shows: canny'"
        )
    elif most is not None and mode is not None and mode >= most:
        yield scene.problem(
            ("control", name), f"this Union model supports {most} kinds of hints, but not this one"
        )


def nets(scene: Scene) -> dict[str, Net]:
    """Return the ControlNets to load, by name."""
    from animator.diffusion.controlnet import Net

    found = {}
    for name, control in scene.settings.control.items():
        place = scene.file(("control", name, "model"), control.model)
        found[name] = Net(str(place) if place.exists() else control.model, control.mode)
    return found


def adapters(scene: Scene) -> dict[str, Adapter]:
    """Return the IP-Adapters to load, by name, with their images cropped to squares. Raises SceneError."""
    from animator.diffusion.adapters import Adapter
    from animator.imaging.picture import read

    found = {}
    for name, adapter in scene.settings.ip_adapter.items():
        path = ("ip_adapter", name, "file")
        try:
            picture = read(scene.file(path, adapter.file), SQUARE, SQUARE)
        except (OSError, ValueError) as error:
            raise SceneError([scene.problem(path, f"cannot be read as an image: {error}")]) from error
        place = scene.file(("ip_adapter", name, "model"), adapter.model)
        model = str(place) if place.is_dir() else adapter.model
        found[name] = Adapter(model, adapter.weights, adapter.encoder, picture, adapter.takes)
    return found


def refiner(scene: Scene) -> tuple[str, float, bool] | None:
    """Return the refiner to load, or None: its hub id or folder, when it takes over, and an "every" flag.

    The refiner takes over after that part (0..1) of the noise is removed. The flag is True if it finishes every
    painted frame, not only those painted from noise.
    """
    written = scene.settings.model.refiner
    if written is None:
        return None
    place = scene.file(BASE, written.base)
    return str(place) if place.is_dir() else written.base, written.at, written.paints == "every"


def follows(scene: Scene) -> bool:
    """Return True if a hint's image moves with the camera."""
    return any(control.file is not None and control.follow for control in scene.settings.control.values())


def guided(
    scene: Scene, paint: Paint, camera: Camera, masks: Masks | None, first: Image | None
) -> tuple[Paint, Sequence[Footage]]:
    """Return `paint` with the scene's ControlNet hints, and the videos that hints are read from.

    `first` is the image that hints are made of where there is no image to paint over. A painter that takes no hints
    is returned as it is, without videos. Raises SceneError, ModelError.
    """
    from animator.render import hints

    if not scene.settings.control or not isinstance(paint, hints.Hinting):
        return paint, []
    played: list[Footage] = []
    found = {}
    for name in scene.settings.control:
        source = _source(scene, name, masks)
        if isinstance(source, hints.Played):
            played.append(source.footage)
        found[name] = hints.Hint(source, _make(scene, name, camera))
    return hints.guided(paint, found, first), played


def _source(scene: Scene, name: str, masks: Masks | None) -> Source:
    """Return the source of the image that the hint `name` is made of. Raises SceneError."""
    from animator.render.footage import Footage
    from animator.render.hints import Played, Still, painted_over

    control = scene.settings.control[name]
    if control.file is not None:
        picture = grading.picture(scene, ("control", name, "file"), control.file)
        return Still(picture, masks.shot if masks is not None and control.follow else None)
    return painted_over if control.video is None else Played(Footage(partial(_pictures, scene, name)))


def _pictures(scene: Scene, name: str, index: int) -> Iterator[Image]:
    """Yield the images of the hint's video from frame `index` on; the last one repeats. Raises SceneError."""
    from animator.imaging.io import Film, pictures

    path = ("control", name, "video")
    film = Film(scene.file(path, scene.settings.control[name].video), *scene.size, scene.settings.video.fps)
    try:
        yield from pictures(film, index, hold=True)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be used as a video: {error}")]) from error


def _make(scene: Scene, name: str, camera: Camera) -> Make:
    """Return the function that makes the hint `name` of its image. Raises ModelError."""
    from animator.imaging import hints

    control = scene.settings.control[name]
    match control.hint:
        case "canny":
            low, high = control.thresholds
            return lambda image, _: hints.canny(image, low, high)
        case "depth":
            return _depth(scene, camera)
        case "picture":
            return lambda image, _: image
        case _:
            from animator.diffusion import builds

            builds.check()
            from animator.diffusion.detect import detector

            draw = detector(control.hint, scene.settings.model.device)
            return lambda image, _: draw(image)


def _depth(scene: Scene, camera: Camera) -> Make:
    """Return the function that makes a depth hint: from the camera's depth, or a depth model for a flat camera."""
    from animator.imaging import hints
    from animator.imaging.cameras import DepthCamera
    from animator.render.following import Following

    inner = camera.camera if isinstance(camera, Following) else camera
    if isinstance(inner, DepthCamera):
        source = inner.source
        return lambda image, frame: hints.nearness(
            source.disparity(image, frame.index, source.span(image, None))
        )
    estimate = estimator(scene)
    return lambda image, _: hints.nearness(estimate(image))


def estimator(scene: Scene) -> Any:
    """Return the depth model that the scene names, loaded. Raises ModelError."""
    from animator.diffusion import builds

    builds.check()
    from animator.diffusion.estimate import Estimator

    motion = scene.settings.motion
    place = scene.file(("motion", "depth_model"), motion.depth_model)
    return Estimator(str(place) if place.exists() else motion.depth_model, scene.settings.model.device)

"""ControlNet hints.

A scene's additional models: ControlNets and the sources of their hints, IP-Adapters, the refiner.

Hints for ControlNets: their sources, and a painter that passes them to the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from animator.errors import SceneError
from animator.frame import Frame, Image, Mask
from animator.render import views
from animator.render.camera import estimator
from animator.render.footage import Footage
from animator.render.loop import Paint
from animator.render.masks import Shot
from animator.render.painter import Hinting
from animator.scene.scene import Scene
from animator.scene.settings_models import BASE

if TYPE_CHECKING:
    from animator.diffusion.adapters import Adapter
    from animator.diffusion.controlnet import Net
    from animator.render.loop import Camera
    from animator.render.masks import Masks


SQUARE = 448  # pixels: twice the input of CLIP's image encoders, which shrink it with their own filter


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
    from animator.imaging.io import read

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


def controlled_painter(
    scene: Scene, paint: Paint, camera: Camera, masks: Masks | None, first: Image | None
) -> tuple[Paint, Sequence[Footage]]:
    """Return `paint` with the scene's ControlNet hints, and the videos that hints are read from.

    `first` is the image that hints are made of where there is no image to paint over. A painter that takes no hints
    is returned as it is, without videos. Raises SceneError, ModelError.
    """
    from animator.render import painter

    if not scene.settings.control or not isinstance(paint, painter.Hinting):
        return paint, []
    played: list[Footage] = []
    found = {}
    for name in scene.settings.control:
        source = _source(scene, name, masks)
        if isinstance(source, Played):
            played.append(source.footage)
        found[name] = Hint(source, _make(scene, name, camera))
    return with_hints(paint, found, first), played


def _source(scene: Scene, name: str, masks: Masks | None) -> Source:
    """Return the source of the image that the hint `name` is made of. Raises SceneError."""
    from animator.render.footage import Footage

    control = scene.settings.control[name]
    if control.file is not None:
        picture = views.picture(scene, ("control", name, "file"), control.file)
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
    from animator.imaging import filters

    control = scene.settings.control[name]
    match control.hint:
        case "canny":
            low, high = control.thresholds
            return lambda image, _: filters.canny(image, low, high)
        case "depth":
            return _depth(scene, camera)
        case "picture":
            return lambda image, _: image
        case _:
            from animator.diffusion import loading

            loading.check()
            from animator.diffusion.auxiliary import detector

            draw = detector(control.hint, scene.settings.model.device)
            return lambda image, _: draw(image)


def _depth(scene: Scene, camera: Camera) -> Make:
    """Return the function that makes a depth hint: from the camera's depth, or a depth model for a flat camera."""
    from animator.imaging import filters
    from animator.imaging.cameras import DepthCamera
    from animator.render.footage import Following

    inner = camera.camera if isinstance(camera, Following) else camera
    if isinstance(inner, DepthCamera):
        source = inner.source
        return lambda image, frame: filters.nearness(
            source.disparity(image, frame.index, source.span(image, None))
        )
    estimate = estimator(scene)
    return lambda image, _: filters.nearness(estimate(image))


Source = Callable[
    [Frame, Image | None], Image | None
]  # a frame and the image that is painted over → the image a hint is made of, or None

Make = Callable[[Image, Frame], Image]  # an image of that frame → a hint


def painted_over(frame: Frame, start: Image | None) -> Image | None:  # noqa: ARG001 (a source's signature)
    """Return `start`, the image that is painted over, as the source of a hint."""
    return start


class Still:
    """Source that gives one image for the whole film; with a `shot`, warped as the camera has moved since it began."""

    def __init__(self, picture: Image, shot: Shot | None) -> None:
        self.picture, self.shot = picture, shot

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's signature)
        if self.shot is None or self.shot.first is None:  # nothing is painted yet
            return self.picture
        return self.shot.carried(self.picture, frame)


class Played:
    """Source that gives a video's image at the time of each frame."""

    def __init__(self, footage: Footage) -> None:
        self.footage = footage

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's signature)
        return self.footage(frame.index)


class Hint:
    """ControlNet hint that `make` makes of the image from `source`; made once while the image stays the same."""

    def __init__(self, source: Source, make: Make) -> None:
        self.source, self.make = source, make
        self._last: tuple[Image | None, Image | None] = (None, None)

    def __call__(self, frame: Frame, start: Image | None) -> Image | None:
        picture = self.source(frame, start)
        if picture is None:
            return None
        if self._last[0] is not picture:
            self._last = picture, self.make(picture, frame)
        return self._last[1]


class Guided:
    """A painter that passes hints with a scale above 0 to `paint`.

    Hints of the image that is painted over are made of `first` where there is no such image.
    """

    def __init__(self, paint: Hinting, hints: Mapping[str, Hint], first: Image | None) -> None:
        self.paint, self.hints, self.first = paint, hints, first

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint.hinted(frame, start, self._seen(frame, start))

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        return self.paint.hinted(frame, start, self._seen(frame, start), mask)

    def _seen(self, frame: Frame, start: Image | None) -> dict[str, Image]:
        start = self.first if start is None else start
        wanted = {name: hint for name, hint in self.hints.items() if frame.control[name].scale > 0}
        found = {name: hint(frame, start) for name, hint in wanted.items()}
        return {name: picture for name, picture in found.items() if picture is not None}


def with_hints(paint: Paint, hints: Mapping[str, Hint], first: Image | None) -> Paint:
    """Return `paint` with `hints`; `paint` itself if it takes none or there are none."""
    return Guided(paint, hints, first) if hints and isinstance(paint, Hinting) else paint

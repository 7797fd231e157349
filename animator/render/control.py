"""ControlNet hints and their sources, and the scene's other guides: IP-Adapters and the refiner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from animator.errors import SceneError
from animator.frame import Frame, Image, Mask
from animator.models import nano
from animator.models.painter import NO_HINTS, Hints, Painter, PainterWrapper
from animator.render import views
from animator.render.camera import load_depth_model
from animator.render.footage import FootageReader
from animator.render.loop import ShotParts
from animator.render.masks import ShotTracker
from animator.scene.scene import Scene
from animator.scene.settings_models import REFINER_BASE

if TYPE_CHECKING:
    from animator.diffusion.adapters import IPAdapterSpec
    from animator.diffusion.controlnet import ControlNetSpec
    from animator.render.loop import Camera
    from animator.render.masks import Masks


SHAPE_CONTROL = "product_shape"  # name of the ControlNet that follows the shape of a 3D product

ENCODER_SQUARE = (
    448  # pixels: twice the input of CLIP's image encoders, which shrink it with their own filter
)


def controlnets_to_load(scene: Scene) -> dict[str, ControlNetSpec]:
    """Return the ControlNets to load, by name."""
    from animator.diffusion.controlnet import ControlNetSpec

    found = {}
    for name, control in scene.settings.control.items():
        place = scene.file(("control", name, "model"), control.model)
        found[name] = ControlNetSpec(str(place) if place.exists() else control.model, control.mode)
    if scene.settings.product is not None and not found and scene.settings.model.base == "nano":
        found[SHAPE_CONTROL] = ControlNetSpec(str(nano.BUNDLED_CONTROLNETS["nano-shape"]))
    return found


def ip_adapters_to_load(scene: Scene) -> dict[str, IPAdapterSpec]:
    """Return the IP-Adapters to load, by name, with their images cropped to squares. Raises SceneError."""
    from animator.diffusion.adapters import IPAdapterSpec
    from animator.imaging.io import read_image

    found = {}
    for name, adapter in scene.settings.ip_adapter.items():
        path = ("ip_adapter", name, "file")
        try:
            image = read_image(scene.file(path, adapter.file), ENCODER_SQUARE, ENCODER_SQUARE)
        except (OSError, ValueError) as error:
            raise SceneError([scene.problem(path, f"cannot be read as an image: {error}")]) from error
        place = scene.file(("ip_adapter", name, "model"), adapter.model)
        model = str(place) if place.is_dir() else adapter.model
        found[name] = IPAdapterSpec(model, adapter.weights, adapter.encoder, image, adapter.takes)
    return found


def refiner_to_load(scene: Scene) -> tuple[str, float, bool] | None:
    """Return the refiner to load, or None: its hub id or folder, when it takes over, and an "every" flag.

    The refiner takes over after that part (0..1) of the noise is removed. The flag is True if it finishes every
    painted frame, not only those painted from noise.
    """
    written = scene.settings.model.refiner
    if written is None:
        return None
    place = scene.file(REFINER_BASE, written.base)
    return str(place) if place.is_dir() else written.base, written.at, written.paints == "every"


def hints_follow_camera(scene: Scene) -> bool:
    """Return True if a hint's image moves with the camera."""
    return any(control.file is not None and control.follow for control in scene.settings.control.values())


def add_hints(
    parts: ShotParts,
    scene: Scene,
    camera: Camera,
    masks: Masks | None,
    first: Image | None,
    videos: ExitStack,
) -> ShotParts:
    """Return `parts` with the scene's ControlNet hints; `parts` themselves if the painter takes none.

    `first` is the image that hints are made of where there is no image to paint over; `videos` closes the videos that
    hints are read from. Raises SceneError, ModelError.
    """
    if not scene.settings.control or "hints" not in parts.painter.capabilities:
        return parts
    found = {
        name: ControlHint(_hint_source(scene, name, masks, videos), _hint_maker(scene, name, camera))
        for name in scene.settings.control
    }
    return replace(parts, painter=ControlledPainter(parts.painter, found, first))


def _hint_source(scene: Scene, name: str, masks: Masks | None, videos: ExitStack) -> HintSource:
    """Return the source of the image that the hint `name` is made of. Raises SceneError."""
    control = scene.settings.control[name]
    if control.file is not None:
        image = views.read_scene_image(scene, ("control", name, "file"), control.file)
        return ImageHint(image, masks.shot if masks is not None and control.follow else None)
    if control.video is None:
        return hint_from_start
    video = videos.enter_context(closing(FootageReader(partial(_hint_frames, scene, name))))
    return lambda frame, _: video(frame.index)


def _hint_frames(scene: Scene, name: str, index: int) -> Iterator[Image]:
    """Yield the images of the hint's video from frame `index` on; the last one repeats. Raises SceneError."""
    from animator.imaging.io import VideoSource, read_frames

    path = ("control", name, "video")
    film = VideoSource(
        scene.file(path, scene.settings.control[name].video), *scene.size, scene.settings.video.fps
    )
    try:
        yield from read_frames(film, index, hold=True)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be used as a video: {error}")]) from error


def _hint_maker(scene: Scene, name: str, camera: Camera) -> HintMaker:
    """Return the function that makes the hint `name` of its image. Raises ModelError."""
    from animator.imaging import filters

    control = scene.settings.control[name]
    match control.hint:
        case "canny":
            low, high = control.thresholds
            return lambda image, _: filters.canny_hint(image, low, high)
        case "depth":
            return _depth_hint_maker(scene, camera)
        case "picture":
            return lambda image, _: image
        case _:
            from animator.diffusion import loading

            loading.require_matching_torchvision()
            from animator.diffusion.helper_networks import load_detector

            draw = load_detector(control.hint, scene.settings.model.device)
            return lambda image, _: draw(image)


def _depth_hint_maker(scene: Scene, camera: Camera) -> HintMaker:
    """Return the function that makes a depth hint: from the camera's depth, or a depth model for a flat camera."""
    from animator.imaging import filters
    from animator.imaging.depth import DepthCamera
    from animator.render.footage import TrackingCamera

    inner = camera.camera if isinstance(camera, TrackingCamera) else camera
    if isinstance(inner, DepthCamera):
        source = inner.source
        return lambda image, frame: filters.depth_hint(
            source.disparity(image, frame.index, source.span(image, None))
        )
    estimate = load_depth_model(scene)
    return lambda image, _: filters.depth_hint(estimate(image))


HintSource = Callable[
    [Frame, Image | None], Image | None
]  # a frame and the image that is painted over → the image a hint is made of, or None

HintMaker = Callable[[Image, Frame], Image]  # an image of that frame → a hint


def hint_from_start(frame: Frame, start: Image | None) -> Image | None:  # noqa: ARG001 (a source's signature)
    """Return `start`, the image that is painted over, as the source of a hint."""
    return start


class ImageHint:
    """Source that gives one image for the whole film; with a `shot`, warped as the camera has moved since it began."""

    def __init__(self, image: Image, shot: ShotTracker | None) -> None:
        self.image, self.shot = image, shot

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's signature)
        if self.shot is None or self.shot.first is None:  # nothing is painted yet
            return self.image
        return self.shot.move_image(self.image, frame)


class ControlHint:
    """ControlNet hint that `make` makes of the image from `source`; made once while the image stays the same."""

    def __init__(self, source: HintSource, make: HintMaker) -> None:
        self.source, self.make = source, make
        self._last: tuple[Image | None, Image | None] = (None, None)

    def __call__(self, frame: Frame, start: Image | None) -> Image | None:
        image = self.source(frame, start)
        if image is None:
            return None
        if self._last[0] is not image:
            self._last = image, self.make(image, frame)
        return self._last[1]


class ControlledPainter(PainterWrapper):
    """A painter that passes hints with a scale above 0 to `inner`.

    Hints of the image that is painted over are made of `first` where there is no such image.
    """

    def __init__(self, inner: Painter, hints: Mapping[str, ControlHint], first: Image | None) -> None:
        super().__init__(inner)
        self.hints, self.first = hints, first

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        return self.inner.paint(frame, start, mask=mask, hints={**hints, **self._active_hints(frame, start)})

    def _active_hints(self, frame: Frame, start: Image | None) -> dict[str, Image]:
        start = self.first if start is None else start
        wanted = {name: hint for name, hint in self.hints.items() if frame.control[name].scale > 0}
        found = {name: hint(frame, start) for name, hint in wanted.items()}
        return {name: image for name, image in found.items() if image is not None}

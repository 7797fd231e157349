"""Settings of a training: the single definition behind the YAML file, the command line and docs/training.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from animator.errors import Problem, SceneError
from animator.models.families import native_size
from animator.scene.compose import apply_overrides
from animator.scene.fields import Integer, Number, Section
from animator.scene.parse import Document, read_document
from animator.scene.validation_errors import explain_validation_error

Method = Literal["lora", "textual-inversion"]


def _require_line(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError(f"{text!r} is not a line of text")
    return text.strip()


def _as_list(value: Any) -> Any:
    """Accept a single prompt in place of a list."""
    return [value] if isinstance(value, str) else value


TextLine = Annotated[str, AfterValidator(_require_line)]
TextLines = Annotated[list[TextLine], BeforeValidator(_as_list)]


class BaseOptions(Section):
    base: str = Field("nano", description="nano, a hub id, a diffusers folder or a .safetensors file")
    config: str | None = Field(None, description="diffusers folder with the configs of a .safetensors base")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="device to train on")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="dtype of the frozen model; auto: bfloat16 if the GPU has it; trained weights are float32",
    )


class DataOptions(Section):
    resolution: Integer | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=8,
        description="images are scaled to the area of this square; default: 1024, nano 256",
    )
    buckets: bool = Field(True, description="images keep roughly their aspect ratio; false: squares")
    bucket_step: Integer = Field(
        64, ge=8, le=256, multiple_of=8, description="image sides are multiples of this"
    )
    longest: Number = Field(
        2.0, ge=1, le=4, description="largest aspect ratio, width to height or height to width"
    )
    flip: bool = Field(False, description="train on mirrored images, too; only for symmetric products")
    captions: Literal["files", "token"] = Field(
        "files", description="files: NAME.txt beside an image, if there is one; token: the prompt for all"
    )
    prompt: TextLine = Field("photo of {token}", description="caption of images without one")
    drop_captions: Number = Field(
        0.0, ge=0, le=1, description="share of images trained on without their caption"
    )
    masks: bool = Field(
        True, description="use masks of the product: NAME.mask.png beside an image, or its transparency"
    )
    outside: Number = Field(0.1, ge=0, le=1, description="loss weight of pixels outside the mask")
    held_out: Integer = Field(
        0, ge=0, le=1000, description="images that are not trained on but evaluate the training"
    )


class NetworkOptions(Section):
    rank: Integer = Field(8, ge=1, le=512, description="rank of the LoRA; 8 gives SDXL a file of 23 MB")
    alpha: Number | None = Field(
        None, gt=0, le=1024, description="the LoRA is scaled by alpha / rank; default: rank"
    )
    layers: Literal["attention", "all"] = Field(
        "attention", description="trained UNet layers; all: convolutions and feed-forward layers, too"
    )
    text_encoders: bool = Field(False, description="train a LoRA on the text encoders, too")
    dropout: Number = Field(0.0, ge=0, lt=1, description="share of the LoRA's inputs dropped in training")
    vectors: Integer = Field(
        2, ge=1, le=32, description="embedding vectors of a textual inversion in each text encoder"
    )
    start_word: TextLine = Field(
        "product", description="word whose vectors initialise a textual inversion if no class is given"
    )


class LearningOptions(Section):
    steps: Integer = Field(1000, ge=1, le=1_000_000, description="training steps")
    rate: Number = Field(1e-4, gt=0, le=1, description="learning rate; a textual inversion needs about 5e-3")
    text_rate: Number = Field(1e-5, gt=0, le=1, description="learning rate of the text encoders")
    warmup: Integer = Field(0, ge=0, description="steps over which the rate rises to its full value")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="course of the rate after warm-up"
    )
    batch: Integer = Field(1, ge=1, le=1024, description="images per batch")
    accumulate: Integer = Field(
        1, ge=1, le=1024, description="batches per step: large steps in little memory"
    )
    checkpointing: bool = Field(
        True, description="gradient checkpointing, on a GPU: less memory, a third more time"
    )
    optimizer: Literal["adamw", "adamw8bit"] = Field("adamw", description="adamw8bit needs bitsandbytes")
    weight_decay: Number = Field(0.01, ge=0, le=1, description="pull of the trained weights towards zero")
    max_norm: Number = Field(1.0, gt=0, description="gradients are clipped to this norm")
    min_snr: Number = Field(5.0, ge=0, description="γ of min-SNR weighting; 0 weights all noise levels alike")
    noise_offset: Number = Field(
        0.0, ge=0, le=1, description="noise added to whole channels, for darker and brighter images"
    )
    seed: Integer = Field(0, ge=0, lt=2**32, description="seed of all random choices")


class PriorOptions(Section):
    pictures: Integer = Field(
        0,
        ge=0,
        le=10_000,
        description="class images, painted by the model itself, to train on along with the product",
    )
    prompts: TextLines = Field([], description="prompts of the class images; default: photo of a CLASS")
    weight: Number = Field(1.0, ge=0, le=100, description="loss weight of the class images")
    steps: Integer = Field(20, ge=1, le=1000, description="sampling steps of the class images")
    guidance_scale: Number = Field(5.0, ge=1, le=50, description="guidance scale of the class images")


class WatchOptions(Section):
    every: Integer = Field(
        100, ge=1, description="steps between sample sheets, held-out losses and checkpoints"
    )
    prompts: TextLines = Field([], description="prompts of a sample sheet; default: four with the token")
    steps: Integer = Field(20, ge=1, le=1000, description="sampling steps of a sample sheet")
    guidance_scale: Number = Field(5.0, ge=1, le=50, description="guidance scale of a sample sheet")
    seed: Integer = Field(7, ge=0, lt=2**32, description="seed of a sample sheet")
    sheets: bool = Field(True, description="paint sample sheets")


class FileOptions(Section):
    format: Literal["diffusers", "kohya"] = Field(
        "diffusers", description="naming of the weights; A1111 needs kohya"
    )
    dtype: Literal["float16", "bfloat16", "float32"] = Field("float16", description="dtype of the file")
    weights: Literal["best", "last"] = Field(
        "best", description="weights to write; best: of the lowest held-out loss, if images are held out"
    )
    license: str = Field("", description="licence, for the metadata of the file")
    author: str = Field("", description="author, for the metadata of the file")
    title: str = Field("", description="title, for the metadata of the file; default: its name")


class TrainingSettings(Section):
    """All settings of a training."""

    method: Method = Field(
        "lora", description="what to train; textual-inversion: vectors of a new word, no model weights"
    )
    token: TextLine = Field(
        description="rare word or words that will stand for the product, such as oue scooter"
    )
    kind: TextLine | None = Field(None, alias="class", description="class of the product, such as scooter")
    model: BaseOptions = BaseOptions()
    data: DataOptions = DataOptions()
    network: NetworkOptions = NetworkOptions()
    learning: LearningOptions = LearningOptions()
    prior: PriorOptions = PriorOptions()
    watch: WatchOptions = WatchOptions()
    file: FileOptions = FileOptions()

    @property
    def resolution(self) -> int:
        """Side in pixels of the square whose area the training images get."""
        return self.data.resolution or native_size(self.model.base, Path(self.model.base))

    @property
    def caption(self) -> str:
        """Caption of images without one of their own."""
        return self.data.prompt.replace("{token}", self.token)

    @property
    def class_prompts(self) -> list[str]:
        """Prompts of the class images."""
        return self.prior.prompts or [f"photo of a {self.kind}"]

    @property
    def sample_prompts(self) -> list[str]:
        """Prompts of the sample sheets, with `{token}` replaced by the token."""
        default = [
            "photo of {token}",
            "photo of {token}, night city",
            "pencil sketch of {token}",
            "{token}, marker drawing",
        ]
        return [text.replace("{token}", self.token) for text in self.watch.prompts or default]

    def to_dict(self) -> dict[str, Any]:
        """Return every setting with its value, by its name in the YAML file."""
        return self.model_dump(by_alias=True)


def read_settings(file: Path | None, options: Sequence[str] = ()) -> TrainingSettings:
    """Return the settings in a YAML file (None: the defaults), overridden by `--set` options.

    Raises SceneError with all problems, each with its file, line and column.
    """
    document = apply_overrides(Document("the settings") if file is None else read_document(file), options)
    problems = list(document.problems)
    try:
        settings = TrainingSettings.model_validate(document.data)
    except ValidationError as error:
        problems += [
            explain_validation_error(document, item, TrainingSettings)
            for item in error.errors(include_url=False)
        ]
        raise SceneError(problems) from error
    if file is not None and document.value_place(("model", "base")).file == str(file):
        settings = _resolve_base(settings, file.parent)
    if settings.prior.pictures and not (settings.kind or settings.prior.prompts):
        message = "the class of the images is missing; give it with --class, or write prior.prompts"
        problems.append(_setting_problem(document, ("prior", "pictures"), message))
    if settings.learning.warmup >= settings.learning.steps:
        message = (
            f"{settings.learning.warmup} of {settings.learning.steps} steps: the full rate is never reached"
        )
        problems.append(_setting_problem(document, ("learning", "warmup"), message))
    if problems:
        raise SceneError(problems)
    return settings


def _resolve_base(settings: TrainingSettings, folder: Path) -> TrainingSettings:
    """Return the settings with an absolute path of a base model that lies in `folder`, that of the YAML file."""
    if settings.model.base == "nano" or not (folder / settings.model.base).exists():
        return settings
    model = settings.model.model_copy(update={"base": str((folder / settings.model.base).resolve())})
    return settings.model_copy(update={"model": model})


def _setting_problem(document: Document, path: tuple[str, ...], message: str) -> Problem:
    return Problem(document.value_place(path), path, message)

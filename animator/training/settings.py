"""What can be set about a training: the one definition that the file, the command line and the page read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from animator.errors import Problem, SceneError
from animator.models.native import native
from animator.scene.compose import override
from animator.scene.fields import Number, Section, Whole
from animator.scene.parse import Document
from animator.scene.parse import read as read_document
from animator.scene.read import refusal

Method = Literal["lora", "textual-inversion"]


def _line(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError(f"{text!r} is not a line of text")
    return text.strip()


def _lines(value: Any) -> Any:
    """One prompt, or a list of them."""
    return [value] if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[list[Line], BeforeValidator(_lines)]


class Base(Section):
    base: str = Field("nano", description="nano, a hub id, a diffusers folder or a .safetensors file")
    config: str | None = Field(None, description="diffusers folder with the configs of a .safetensors base")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="where it learns")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="numbers of the frozen model: bfloat16 where a GPU has it; what learns is float32"
    )


class Data(Section):
    resolution: Whole | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=8,
        description="pictures get the area of this square; default: 1024, nano 256",
    )
    buckets: bool = Field(True, description="pictures keep their format, or nearly; false: squares")
    bucket_step: Whole = Field(64, ge=8, le=256, multiple_of=8, description="sides are multiples of this")
    longest: Number = Field(
        2.0, ge=1, le=4, description="the longest format, width to height or height to width"
    )
    flip: bool = Field(False, description="mirror every other picture; products have a left and a right")
    captions: Literal["files", "token"] = Field(
        "files", description="NAME.txt beside a picture where there is one; or the prompt for all"
    )
    prompt: Line = Field("photo of {token}", description="caption of the other pictures")
    drop_captions: Number = Field(0.0, ge=0, le=1, description="share of steps that learn without a caption")
    masks: bool = Field(
        True, description="NAME.mask.png beside a picture, or its transparency, says where the product is"
    )
    outside: Number = Field(0.1, ge=0, le=1, description="how much the rest counts where there is a mask")
    held_out: Whole = Field(0, ge=0, le=1000, description="pictures that are not learnt but judge what was")


class Network(Section):
    rank: Whole = Field(8, ge=1, le=512, description="rank of the LoRA; 8 gives SDXL a file of 23 MB")
    alpha: Number | None = Field(
        None, gt=0, le=1024, description="the LoRA counts alpha / rank; default: rank"
    )
    layers: Literal["attention", "all"] = Field(
        "attention", description="of the UNet; all: convolutions and feed-forward layers too"
    )
    text_encoders: bool = Field(False, description="the text encoders learn too")
    dropout: Number = Field(0.0, ge=0, lt=1, description="share of the LoRA's inputs left out while learning")
    vectors: Whole = Field(2, ge=1, le=32, description="tokens a textual inversion stands for")
    start_word: Line = Field("product", description="word a textual inversion begins as; default: the class")


class Learning(Section):
    steps: Whole = Field(1000, ge=1, le=1_000_000, description="steps")
    rate: Number = Field(1e-4, gt=0, le=1, description="learning rate; a textual inversion needs about 5e-3")
    text_rate: Number = Field(1e-5, gt=0, le=1, description="learning rate of the text encoders")
    warmup: Whole = Field(0, ge=0, description="steps from zero to the full rate")
    schedule: Literal["constant", "linear", "cosine"] = Field("constant", description="the rate after that")
    batch: Whole = Field(1, ge=1, le=1024, description="pictures at a time")
    accumulate: Whole = Field(1, ge=1, le=1024, description="batches of a step: large steps in little memory")
    checkpointing: bool = Field(True, description="less memory, a third more time, on a GPU")
    optimizer: Literal["adamw", "adamw8bit"] = Field("adamw", description="adamw8bit needs bitsandbytes")
    weight_decay: Number = Field(0.01, ge=0, le=1, description="pull of what learns towards zero")
    max_norm: Number = Field(1.0, gt=0, description="gradients longer than this are shortened")
    min_snr: Number = Field(
        5.0, ge=0, description="min-SNR weighting: the γ; 0 weighs all noise levels alike"
    )
    noise_offset: Number = Field(
        0.0, ge=0, le=1, description="noise of whole channels: darker and brighter pictures"
    )
    seed: Whole = Field(0, ge=0, lt=2**32, description="of everything that is drawn by lot")


class Prior(Section):
    pictures: Whole = Field(
        0,
        ge=0,
        le=10_000,
        description="pictures of the class, painted by the model itself, that are learnt along",
    )
    prompts: Lines = Field([], description="what they show; default: photo of a CLASS")
    weight: Number = Field(1.0, ge=0, le=100, description="how much they count")
    steps: Whole = Field(20, ge=1, le=1000, description="steps they are painted in")
    guidance_scale: Number = Field(5.0, ge=1, le=50, description="guidance they are painted with")


class Watch(Section):
    every: Whole = Field(
        100, ge=1, description="steps between sample sheets, held-out losses and checkpoints"
    )
    prompts: Lines = Field([], description="what the sheet shows; default: the token in four settings")
    steps: Whole = Field(20, ge=1, le=1000, description="steps its pictures are painted in")
    guidance_scale: Number = Field(5.0, ge=1, le=50, description="guidance they are painted with")
    seed: Whole = Field(7, ge=0, lt=2**32, description="their seed")
    sheets: bool = Field(True, description="whether sheets are painted")


class File(Section):
    format: Literal["diffusers", "kohya"] = Field(
        "diffusers", description="names of the weights; A1111 reads kohya's"
    )
    dtype: Literal["float16", "bfloat16", "float32"] = Field("float16", description="numbers of the file")
    weights: Literal["best", "last"] = Field(
        "best", description="those of the lowest held-out loss, where pictures are held out"
    )
    license: str = Field("", description="licence of the file, for its header")
    author: str = Field("", description="who made it, for its header")
    title: str = Field("", description="default: the file's name")


class Settings(Section):
    """A whole training."""

    method: Method = Field("lora", description="lora, or textual-inversion: a word without new weights")
    token: Line = Field(description="rare word or words that will mean the product, such as oue scooter")
    kind: Line | None = Field(None, alias="class", description="what the product is one of, such as scooter")
    model: Base = Base()
    data: Data = Data()
    network: Network = Network()
    learning: Learning = Learning()
    prior: Prior = Prior()
    watch: Watch = Watch()
    file: File = File()

    @property
    def resolution(self) -> int:
        """Side in pixels of the square whose area the pictures get."""
        return self.data.resolution or native(self.model.base, Path(self.model.base))

    @property
    def caption(self) -> str:
        """What pictures without a caption of their own show."""
        return self.data.prompt.replace("{token}", self.token)

    @property
    def class_prompts(self) -> list[str]:
        """What the class pictures show."""
        return self.prior.prompts or [f"photo of a {self.kind}"]

    @property
    def sample_prompts(self) -> list[str]:
        """What the sample sheets show; `{token}` in them is the token."""
        default = [
            "photo of {token}",
            "photo of {token}, night city",
            "pencil sketch of {token}",
            "{token}, marker drawing",
        ]
        return [text.replace("{token}", self.token) for text in self.watch.prompts or default]

    def plain(self) -> dict[str, Any]:
        """Every setting with its value, by the names a file uses."""
        return self.model_dump(by_alias=True)


def read(file: Path | None, options: Sequence[str] = ()) -> Settings:
    """The settings in a YAML file (none: the defaults) with `--set` options laid over it.

    Raises SceneError with every problem, each with its file, line and column.
    """
    document = override(Document("the settings") if file is None else read_document(file), options)
    problems = list(document.problems)
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        problems += [refusal(document, item, Settings) for item in error.errors(include_url=False)]
        raise SceneError(problems) from error
    if file is not None and document.place(("model", "base")).file == str(file):
        settings = _beside(settings, file.parent)
    if settings.prior.pictures and not (settings.kind or settings.prior.prompts):
        message = "pictures of which class? name it with --class, or write prior.prompts"
        problems.append(_problem(document, ("prior", "pictures"), message))
    if settings.learning.warmup >= settings.learning.steps:
        message = (
            f"{settings.learning.warmup} of {settings.learning.steps} steps: the full rate would never come"
        )
        problems.append(_problem(document, ("learning", "warmup"), message))
    if problems:
        raise SceneError(problems)
    return settings


def _beside(settings: Settings, folder: Path) -> Settings:
    """The same, with a base model that stands beside the file found from anywhere."""
    if settings.model.base == "nano" or not (folder / settings.model.base).exists():
        return settings
    model = settings.model.model_copy(update={"base": str((folder / settings.model.base).resolve())})
    return settings.model_copy(update={"model": model})


def _problem(document: Document, path: tuple[str, ...], message: str) -> Problem:
    return Problem(document.place(path), path, message)

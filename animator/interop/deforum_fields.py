"""Tables of Deforum's setting names in every generation, and of the settings that have no effect.

Sources: A1111's extension, the notebooks before it, the forks for Forge, and deforum-studio.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from animator.interop.keystrings import complement, constant_value, identity

OFF_VALUES = (None, False, "", 0, "0", "none", "None", "Off", "off", "False", "false")
Settings = Mapping[str, Any]

# An object with at least three of these names holds Deforum settings.
SIGNATURE_FIELDS = (
    "animation_mode", "max_frames", "diffusion_cadence", "turbo_steps", "strength_schedule", "noise_schedule",
    "contrast_schedule", "cfg_scale_schedule", "animation_prompts", "seed_behavior", "color_coherence",
    "translation_x", "translation_y", "translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z", "zoom",
)  # fmt: skip


class CurveField(NamedTuple):
    """A schedule: its path in our settings, its names in Deforum (newest first) and the conversion of its values."""

    path: str
    names: tuple[str, ...]
    convert: Callable[[str], str] = identity
    default: float | str | None = None  # Deforum's value if the file has none; None: leave our default


# `animation_mode` decides which motion applies. The factors of 3D translations depend on the lens.
MOTION_FIELDS: dict[str, list[CurveField]] = {
    "2D": [
        CurveField("motion.zoom", ("zoom",)),
        CurveField("motion.angle", ("angle",)),
        CurveField("motion.translation_x", ("translation_x",)),
        CurveField("motion.translation_y", ("translation_y",)),
        CurveField("motion.center_x", ("transform_center_x",)),
        CurveField("motion.center_y", ("transform_center_y",)),
    ],
    "3D": [
        CurveField("motion.translation_x", ("translation_x",)),
        CurveField("motion.translation_y", ("translation_y",)),
        CurveField("motion.translation_z", ("translation_z",)),
        CurveField("motion.rotation_3d_x", ("rotation_3d_x",)),
        CurveField("motion.rotation_3d_y", ("rotation_3d_y",)),
        CurveField("motion.rotation_3d_z", ("rotation_3d_z",)),
    ],
}
# Neutral values of motion settings that have no column; any other value is noted.
NEUTRAL_VALUES: dict[str, dict[str, float]] = {
    "2D": {},
    "3D": {"aspect_ratio_schedule": 1},
}  # fmt: skip

CURVE_FIELDS = [
    CurveField("painting.strength", ("strength_schedule",), complement, 0.65),
    CurveField(
        "painting.guidance_scale", ("cfg_scale_schedule", "cfg_scale", "guidance_scale", "scale"), identity, 7
    ),
    CurveField("grade.noise", ("noise_schedule",)),
    CurveField("grade.contrast", ("contrast_schedule",)),
    CurveField("grade.sharpen", ("amount_schedule",)),
]

COLORS = {"none": "none", "lab": "lab", "hsv": "hsv", "rgb": "rgb"}
BEHAVIORS = ("iter", "fixed", "random", "ladder", "alternate", "schedule")

# Folder names, program state and window settings: they do not affect the film.
BOOKKEEPING_FIELDS = re.compile(
    r"batch_name|outdir|timestring|resume_\w+|save_\w+|display_samples|show_\w+|motion_preview_mode|override_\w+|"
    r"custom_settings_file|use_settings_file|settings_file|precision|C|f|n_batch|n_samples|make_grid|grid_rows|"
    r"filename_format|skip_video\w*|make_gif|delete_\w+|image_path|mp4_path|store_frames_in_ram|path_name_modifier|"
    r"render_steps|sd_model_hash|deforum_git_commit_id|init_sample|init_image_box|reroll_\w+|histogram_matching|"
    r"firstseed|log_weighted_subprompts|bit_depth_output|strength_0_no_init|parseq_(?!manifest)\w+|job_\w+|"
    r"near_schedule|far_schedule|near_plane|far_plane|use_alpha_as_mask_box"
)


def _any_on(*names: str) -> Callable[[Settings], bool]:
    return lambda settings: any(settings.get(name) not in OFF_VALUES for name in names)


def _mode_is(*modes: str) -> Callable[[Settings], bool]:
    return lambda settings: str(settings.get("animation_mode", "2D")) in modes


def _uses_hybrid_video(settings: Settings) -> bool:
    return _any_on("hybrid_motion", "hybrid_composite", "hybrid_generate_inputframes")(settings)


# Settings that apply only while another setting is switched on.
DEPENDENT_FIELDS: list[tuple[re.Pattern[str], Callable[[Settings], bool]]] = [
    (re.compile(names), active)
    for names, active in [
        (r"(mask_|overlay_mask|invert_mask|full_res_mask|use_alpha_as_mask|alpha_mask)\w*|fill|inpaint_\w+",
         _any_on("use_mask", "use_mask_video")),
        (r"video_mask_path", _any_on("use_mask_video")),
        (r"noise_mask_schedule", _any_on("use_noise_mask")),
        (r"init_image|strength", _any_on("use_init")),
        (r"video_init_path|extract_\w+|overwrite_extracted_frames",
         lambda settings: _mode_is("Video Input")(settings) or _uses_hybrid_video(settings)),
        (r"hybrid_(?!motion$|composite$|generate_inputframes$)\w+", _uses_hybrid_video),
        (r"init_images|image_strength_schedule|image_keyframe_strength_schedule|blendFactor\w+|"
         r"tweening_frames_schedule|color_correction_factor", _any_on("use_looper")),
        *((rf"cn_{unit}_\w+", _any_on(f"cn_{unit}_enabled")) for unit in range(1, 6)),
        (r"perspective_flip_\w+", _any_on("enable_perspective_flip", "flip_2d_perspective")),
        (r"noise_multiplier_schedule", _any_on("enable_noise_multiplier_scheduling")),
        (r"subseed_\w+|subseed|seed_resize_from_\w", _any_on("enable_subseed_scheduling")),
        (r"ddim_eta_schedule", _any_on("enable_ddim_eta_scheduling")),
        (r"ancestral_eta_schedule", _any_on("enable_ancestral_eta_scheduling")),
        (r"clipskip_schedule", _any_on("enable_clipskip_scheduling")),
        (r"checkpoint_schedule", _any_on("enable_checkpoint_scheduling")),
        (r"scheduler_schedule", _any_on("enable_scheduler_scheduling")),
        (r"cadence_flow_factor_schedule", _any_on("optical_flow_cadence")),
        (r"redo_flow_factor_schedule", _any_on("optical_flow_redo_generation")),
        # Read for a 3D film, without effect in any other.
        (r"use_depth_warping|use_zoe_depth|depth_\w+|leres_\w+|midas_weight|padding_mode|sampling_mode|"
         r"aspect_ratio_\w+|fov\w*", lambda _: False),
        (r"perlin_\w+", lambda settings: settings.get("noise_type") == "perlin"),
        (r"kernel_schedule|sigma_schedule|threshold_schedule",
         lambda settings: constant_value(settings.get("amount_schedule", 0)) != 0),
        (r"r_upscale_\w+", _any_on("r_upscale_video")),
        (r"frame_interpolation_\w+", _any_on("frame_interpolation_engine")),
        (r"soundtrack_path", _any_on("add_soundtrack")),
        (r"color_coherence_\w+|legacy_colormatch", _any_on("color_coherence")),
        (r"interpolate_x_frames", _any_on("interpolate_key_frames")),
        (r"wan_\w+", _mode_is("Wan Video")),
        (r"freeu_\w+", _any_on("freeu_enabled")),
        (r"kohya_hrfix_\w+", _any_on("kohya_hrfix_enabled", "kohya_hrfix_enable")),
        (r"shake_\w+", _any_on("shake_name")),
        (r"keyframe_\w+_schedule", _any_on("keyframe_distribution")),
        (r"(zoom|angle|translation_\w|rotation_3d_\w|transform_center_\w)", lambda _: False),  # motion in other modes
        (r"dynamic_threshold|static_threshold|steps_schedule|sampler_schedule|seed_schedule|seed_iter_N|prompts",
         lambda _: False),  # read where they apply
    ]
]  # fmt: skip

# Values at which a setting has no effect.
NO_EFFECT_VALUES: dict[str, Any] = {
    "kernel_schedule": 5, "sigma_schedule": 1, "threshold_schedule": 0, "perlin_w": 8, "perlin_h": 8,
    "perlin_octaves": 4, "perlin_persistence": 0.5, "color_coherence_video_every_N_frames": 1,
    "pix2pix_img_cfg_scale_schedule": 1.5, "distilled_cfg_scale_schedule": 3.5, "noise_multiplier_schedule": 1,
    "cadence_flow_factor_schedule": 1, "redo_flow_factor_schedule": 1,
    "ddim_eta_schedule": 0, "ancestral_eta_schedule": 1, "clipskip_schedule": 1, "subseed_strength_schedule": 0,
    "extract_nth_frame": 1, "mask_contrast_adjust": 1, "mask_brightness_adjust": 1, "n_batch": 1,
    "sd_vae": "Automatic", "scheduler": "Automatic", "noise_type": "uniform", "aspect_ratio_use_old_formula": True,
    "enable_noise_multiplier_scheduling": True, "enable_steps_scheduling": True, "enable_sampler_scheduling": True,
    "prompt_weighting": True, "normalize_prompt_weights": True,
}  # fmt: skip


def has_no_effect(name: str, settings: Settings) -> bool:
    """Return True if the film stays the same without the setting `name`."""
    value = settings[name]
    if BOOKKEEPING_FIELDS.fullmatch(name) or value in OFF_VALUES or value in ([], {}):
        return True
    if name in NO_EFFECT_VALUES and (
        value == NO_EFFECT_VALUES[name] or constant_value(value) == NO_EFFECT_VALUES[name]
    ):
        return True
    return any(names.fullmatch(name) and not active(settings) for names, active in DEPENDENT_FIELDS)

"""Settings files in the form of each generation of Deforum; the films are invented."""

import json

# A1111's extension, 2023-24.
WEBUI = {
    "W": 768, "H": 512, "show_info_on_ui": True, "tiling": False, "restore_faces": False, "seed_resize_from_w": 0,
    "seed_resize_from_h": 0, "seed": 42, "sampler": "Euler a", "steps": 25, "batch_name": "Deforum_{timestring}",
    "seed_behavior": "iter", "seed_iter_N": 1, "use_init": False, "strength": 0.8, "strength_0_no_init": True,
    "init_image": "https://deforum.github.io/a1/I1.png", "use_mask": False, "use_alpha_as_mask": False,
    "mask_file": "https://deforum.github.io/a1/M1.jpg", "invert_mask": False, "mask_contrast_adjust": 1.0,
    "mask_brightness_adjust": 1.0, "overlay_mask": True, "mask_overlay_blur": 4, "fill": 1, "full_res_mask": True,
    "full_res_mask_padding": 4, "reroll_blank_frames": "ignore", "reroll_patience": 10.0, "motion_preview_mode": False,
    "prompts": {
        "0": "pencil sketch of a scooter, white paper <lora:oue_scooter:0.8> --neg blurry, text",
        "40": "marker rendering of a scooter <lora:oue_scooter:0.4>",
        "100": "photo of a scooter, night city, (neon:1.2), {red|blue} `0.5+t/100`",
    },
    "animation_prompts_positive": "product design, ", "animation_prompts_negative": "nsfw, watermark",
    "animation_mode": "2D", "max_frames": 120, "border": "replicate", "angle": "0: (0)",
    "zoom": "0: (1.0025+0.002*sin(1.25*3.14*t/30))", "translation_x": "0: (0), 30: (2*sin(t/10)), \"max_f\": (0)",
    "translation_y": "0: (0)", "translation_z": "0: (1.75)", "transform_center_x": "0: (0.5)",
    "transform_center_y": "0: (0.5)", "rotation_3d_x": "0: (0)", "rotation_3d_y": "0: (0)", "rotation_3d_z": "0: (0)",
    "enable_perspective_flip": False, "perspective_flip_theta": "0: (0)", "perspective_flip_fv": "0: (53)",
    "noise_schedule": "0: (0.065)", "strength_schedule": "0: (0.65), 40: (0.4), 42: (0.65 + 0.05*sin(t))",
    "contrast_schedule": "0: (1.0)", "cfg_scale_schedule": "0: (7)", "enable_steps_scheduling": False,
    "steps_schedule": "0: (25)", "fov_schedule": "0: (70)", "aspect_ratio_schedule": "0: (1)",
    "aspect_ratio_use_old_formula": False, "near_schedule": "0: (200)", "far_schedule": "0: (10000)",
    "seed_schedule": "0:(s), 1:(-1), \"max_f-2\":(-1), \"max_f-1\":(s)", "pix2pix_img_cfg_scale_schedule": "0:(1.5)",
    "enable_subseed_scheduling": False, "subseed_schedule": "0: (1)", "subseed_strength_schedule": "0: (0)",
    "enable_sampler_scheduling": False, "sampler_schedule": "0: (\"Euler a\")", "use_noise_mask": False,
    "mask_schedule": "0: (\"{video_mask}\")", "noise_mask_schedule": "0: (\"{video_mask}\")",
    "enable_checkpoint_scheduling": False, "checkpoint_schedule": "0: (\"model1.ckpt\"), 100: (\"model2.safetensors\")",
    "enable_clipskip_scheduling": False, "clipskip_schedule": "0: (2)", "enable_noise_multiplier_scheduling": True,
    "noise_multiplier_schedule": "0: (1.05)", "resume_from_timestring": False, "resume_timestring": "20230129210106",
    "enable_ddim_eta_scheduling": False, "ddim_eta_schedule": "0: (0)", "enable_ancestral_eta_scheduling": False,
    "ancestral_eta_schedule": "0: (1)", "amount_schedule": "0: (0.1)", "kernel_schedule": "0: (5)",
    "sigma_schedule": "0: (1)", "threshold_schedule": "0: (0)", "color_coherence": "LAB",
    "color_coherence_image_path": "", "color_coherence_video_every_N_frames": 1, "color_force_grayscale": False,
    "legacy_colormatch": False, "diffusion_cadence": 2, "optical_flow_cadence": "None",
    "cadence_flow_factor_schedule": "0: (1)", "optical_flow_redo_generation": "None",
    "redo_flow_factor_schedule": "0: (1)", "diffusion_redo": 0, "noise_type": "perlin", "perlin_octaves": 4,
    "perlin_persistence": 0.5, "use_depth_warping": True, "depth_algorithm": "Midas-3-Hybrid", "midas_weight": 0.2,
    "padding_mode": "border", "sampling_mode": "bicubic", "save_depth_maps": False,
    "video_init_path": "https://deforum.github.io/a1/V1.mp4", "extract_nth_frame": 1, "extract_from_frame": 0,
    "extract_to_frame": -1, "overwrite_extracted_frames": False, "use_mask_video": False,
    "video_mask_path": "https://deforum.github.io/a1/VM1.mp4", "hybrid_comp_alpha_schedule": "0:(0.5)",
    "hybrid_generate_inputframes": False, "hybrid_motion": "None", "hybrid_flow_method": "RAFT",
    "hybrid_composite": "None", "hybrid_use_first_frame_as_init_image": True, "parseq_manifest": None,
    "parseq_use_deltas": True, "use_looper": False, "init_images": "{\n    \"0\": \"https://x/Gi1.png\"\n}",
    "image_strength_schedule": "0:(0.75)", "blendFactorMax": "0:(0.35)", "tweening_frames_schedule": "0:(20)",
    "cn_1_enabled": False, "cn_1_weight": "0:(1)", "cn_1_model": "None", "skip_video_creation": False, "fps": 15,
    "make_gif": False, "delete_imgs": False, "add_soundtrack": "None", "soundtrack_path": "https://x/A1.mp3",
    "r_upscale_video": False, "r_upscale_factor": "x2", "r_upscale_model": "realesr-animevideov3",
    "store_frames_in_ram": False, "frame_interpolation_engine": "None", "frame_interpolation_x_amount": 2,
    "sd_model_name": "sd_xl_base_1.0.safetensors", "sd_model_hash": "31e35c80fc", "deforum_git_commit_id": "3224268",
}  # fmt: skip

# The notebooks of 2022: other names, a list of prompts beside the object, cadence as text.
NOTEBOOK = {
    "W": 512, "H": 704, "seed": 123456, "sampler": "dpm2_ancestral", "steps": 50, "scale": 7, "ddim_eta": 0.0,
    "dynamic_threshold": None, "static_threshold": None, "save_samples": True, "save_settings": True,
    "display_samples": True, "n_batch": 1, "batch_name": "StableFun", "seed_behavior": "fixed", "make_grid": False,
    "grid_rows": 2, "outdir": "/content/drive/MyDrive/AI", "use_init": False, "strength": 0.0, "init_image": "",
    "use_mask": False, "n_samples": 1, "precision": "autocast", "C": 4, "f": 8, "prompt": "", "timestring": "2022",
    "init_latent": None, "init_sample": None, "init_c": None, "animation_mode": "3D", "max_frames": 200,
    "border": "wrap", "angle": "0:(5)", "zoom": "0:(1.04)", "translation_x": "0:(10*sin(2*3.14*t/10))",
    "translation_y": "0:(0)", "translation_z": "0:(10)", "rotation_3d_x": "0:(0)", "rotation_3d_y": "0:(0)",
    "rotation_3d_z": "0:(0.2), 100:(-0.2)", "flip_2d_perspective": False, "perspective_flip_theta": "0:(0)",
    "noise_schedule": "0: (0.02)", "strength_schedule": "0: (0.65), 25: (0.55)", "contrast_schedule": "0: (1.0)",
    "color_coherence": "Match Frame 0 HSV", "diffusion_cadence": "3", "use_depth_warping": True, "midas_weight": 0.3,
    "near_plane": 200, "far_plane": 10000, "fov": 40, "padding_mode": "border", "sampling_mode": "bicubic",
    "save_depth_maps": False, "video_init_path": "/content/video_in.mp4", "extract_nth_frame": 1,
    "interpolate_key_frames": False, "interpolate_x_frames": 4, "resume_from_timestring": False,
    "prompts": ["a beautiful forest", "a beautiful portrait"],
    "animation_prompts": {"0": "an apple", "20": "a banana", "30": "a coconut"},
}  # fmt: skip

# A fork for Forge, 2025.
FORGE = {
    **WEBUI, "W": 1280, "H": 720, "fps": 60, "max_frames": 333, "diffusion_cadence": 10, "color_coherence": "None",
    "sampler": "Euler", "scheduler": "Karras", "strength_schedule": "0: (0.85)", "noise_type": "uniform",
    "keyframe_distribution": "Off", "keyframe_strength_schedule": "0: (0.50)", "shake_name": "INVESTIGATION",
    "shake_intensity": 1.0, "distilled_cfg_scale_schedule": "0: (3.5)", "freeu_enabled": False,
    "freeu_b1": "0:(1.3)", "kohya_hrfix_enabled": False, "kohya_hrfix_block_number": 1, "wan_fps": 24,
    "wan_model_size": "1.3B (Recommended)",
}  # fmt: skip

# deforum-studio.
STUDIO = {
    "W": 1024, "H": 1024, "seed": "77", "sampler_name": "dpmpp_2m", "scheduler": "karras", "steps": 15,
    "cfg_scale_schedule": "0: (5.5)", "animation_mode": "Interpolation", "max_frames": 60, "fps": 24,
    "prompts": {"0": "red mug", "30": "blue mug"}, "positive_prompts": "studio photo", "negative_prompts": "blurry",
    "strength_schedule": "0:(.6)", "seed_behavior": "iter", "seed_iter_N": 3, "diffusion_cadence": 4,
    "color_coherence": "None", "hybrid_motion": "None",
}  # fmt: skip

# A request to a hosted service.
REQUEST = {
    "version": "deforum/v1",
    "input": {
        "settings": {
            "width": 1025, "height": 576, "max_frames": "96", "animation_mode": "2D", "fps": 24, "zoom": 1.01,
            "angle": "0:(0),\n48:(0.5)", "sampler": 15, "steps": 20, "seed": -1, "seed_behavior": "ladder",
            "animation_prompts": "0: a kettle, studio --neg text | 48: a kettle: matte black | 200: never",
            "strength_schedule": 0.6, "model_checkpoint": "Protogen_V2.2.ckpt", "mystery": 3,
        }
    },
}  # fmt: skip

ALL = {"webui": WEBUI, "notebook": NOTEBOOK, "forge": FORGE, "studio": STUDIO, "request": REQUEST}


def film(**settings: object) -> str:
    """Return the settings of a short film as JSON, with `settings` added or replaced."""
    base = {
        "animation_mode": "2D",
        "max_frames": 60,
        "W": 512,
        "H": 512,
        "fps": 12,
        "seed": 5,
        "prompts": {"0": "a mug"},
    }
    return json.dumps({**base, "strength_schedule": "0: (0.65)", **settings}, indent=2)

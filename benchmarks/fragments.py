"""Fragments of schedule files, valid and invalid, which `benchmarks/written.py` combines."""

from animator.timeline.easing import EASINGS, SMOOTH

# Typical of public Deforum settings: powers of cosines, seeds, expressions as keys, strings over two lines.
KEY_STRINGS = [
    "0:(1.0)", "0: (1.02), 30: (1.04)", "0:(0), 24:(2), 48:(0)", "0: (0.65), 10: (0.6), 20:(0.7)",
    "0: 1.5, 10: 3",
    "0:(1.0025+0.002*sin(1.25*3.14*t/30))", "0: (0.25 * cos((72 / 60 * 3.141 * (t + 0) / 30))**13 + 0.7)",
    "0: (1 + -0.15*(0.3*(cos(3.141*t/15)**100)+0.7))", "0:(10*sin(2*3.14*t/10)), 48:(0)", "0:(t%20), 40:(-t)",
    '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)', "0:(0), 'max_f/2':(7), max_f:(9)", "0:(-(1)),\n 10:(+2)",
    "0:(where(t%20==0, 1, 2)), 50%:(3), end:(4)", "0: 0: (5)", "0:(1, 5:(2)", "0(1), 5:(2)", "0:(1); 5:(2)",
    ", ".join(f"{frame}: ({1 + frame % 7 / 100})" for frame in range(0, 120)),
    ", ".join(f"{frame}:(sin(t/{frame + 1}))" for frame in range(0, 60, 2)),
]  # fmt: skip
SOUND = ["0", "1", "2", "0.5", "1.04", "3", "+2", ".5", "1.", "1e-3", "12"]
NUMBERS = [
    "0", "1", "2", "0.5", "1.04", "-3", "+2", ".5", "1.", "1e-3", "1e308", "-1e309", "1e-400", "0.0", "-0",
    "010", "360",
    "99999999999999999999", "9223372036854775807", "-9223372036854775808", "4294967296", "1_000", "0x1F",
    "1e5",
    "inf", "nan", "NaN", ".inf", "1j", "\u0663", "\uff11", "\u00bd", "1,5", "1'000", "0b11", "0o7", "1e",
    "e5", "--1",
    "- 1", "1 2", "9" * 60, "0." + "0" * 70 + "1", "9" * 400, "9" * 5000,
]  # fmt: skip
NAMES = ["t", "k", "s", "p", "sec", "fps", "max_f", "pi", "e", "i", "bpm", "beat", "reveal"]
STRANGERS = [
    "x",
    "T",
    "__class__",
    "_0",
    "self",
    "os",
    "sine",
    "rms",
    "True",
    "None",
    "\u03c0",
    "\U0001d431",
    "lambda",
]
KEYS = [
    "0", "1", "5", "10", "12", "47", "2", "3", "7", "20", "30", "40", ".5s", "1.5 s", "2b", "50%", "100%", "end",
    "reveal", "25%", "max_f", "max_f-1", "max_f/2", '"max_f-2"', "'5'", "(3)", "2.5", "1e3", "00", "007", "+3",
    "48", "99", "-5", "2s", "4b", "150%", "999999999", "1e9", "-1s", "99999999s", "999999999999", "t", "soon", "", " ",
    "1/0", "0/0", "s", "max_f**9", "{0", "null", "true", "[1]", "~", "#fff",
]  # fmt: skip
EASES = [*EASINGS, SMOOTH, "bezier(.42, 0, .58, 1)", "cubic-bezier(0,9,1,-9)"]
NO_EASES = [
    "bezier(2,0,1,1)",
    "bezier(1,2)",
    "in-cubik",
    "",
    3,
    None,
    [],
    {"x": 1},
    "bezier(" + "9" * 400 + ",0,0,0)",
]
SIGNS = [
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "<",
    "<=",
    ">",
    ">=",
    "==",
    "!=",
    "&",
    "|",
    "^",
    " and ",
    " or ",
]
ODD = [
    "\0", "\n", "\t", "\r", "\u2028", "\u200b", "\u00a0", "\ufeff", "\u202e", "\ud800", "\U0001f600",
    "\u0301", "\x07", "#", "'",
    '"', "`",
    "\\", "$", "@", "!", "~", "&", "*", "?", "|", ">", "%", ";", ":", ": ", " #", ",", "{", "}", "[", "]", "(", ")",
    "<<", "- ", "---", "...", "__", "\u00e9", "\uff08", "\uff09", "\u2212", "\u00d7", "=", ":=", "->",
    "lambda:", "\\x00",
]  # fmt: skip
CODE = [
    "__import__('os').system('true')", "open('/etc/passwd').read()", "().__class__.__bases__", "exec('1')",
    "[t for t in t]",
    "(lambda: 1)()", "f'{t}'", "t.real", "t[0]", "(t:=1)", "sin.__globals__",
    "!!python/object/apply:os.system [true]",
    "*x", "&x 1", "<<: *x", "%YAML 1.1", "!!binary aGk=", "${HOME}", "{product}", "{{product}}", "{nothing}",
]  # fmt: skip
SECTIONS = {
    "motion": ["zoom", "angle", "translation_x", "translation_y", "center_x", "per", "as", "border"],
    "painting": ["strength", "guidance_scale", "steps", "sampler", "seed"],
    "grade": ["color", "noise", "contrast", "sharpen", "noise_type"],
    "prompts": ["at", "common", "negative", "travel"],
    "video": ["size", "fps", "frames", "duration"],
    "events": ["reveal", "end", "t", "a-b"],
    "vars": ["product", "x"],
    "loras": ["scooter"],
    "model": ["base", "loras"],
    "output": ["format", "crf"],
}

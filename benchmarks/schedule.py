"""Benchmark of 20 expressions x 10,000 frames: ours, all frames at once, against numexpr called once per frame.

Both alternate in one process; equal values are asserted. Prints the medians and their ratio, then the growth of time
with ten times as many keys or characters: a factor of ten where time is linear, of a hundred where it is quadratic.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numexpr
import numpy as np

from animator import sample
from animator.timeline.clock import Clock
from animator.timeline.curves import sample_curve
from animator.timeline.expressions import compile_expression

EXPRESSIONS = [
    "1.0025+0.002*sin(1.25*3.14*t/30)",
    "1.02",
    "t*0.1",
    "0.25*cos((72/60*3.141*(t+0)/30))**13+0.7",
    "1+-0.15*(0.3*(cos(3.141*t/15)**100)+0.7)",
    "sin(t/10)*5",
    "cos(t/25)*3+sin(t/7)",
    "where(t%50<25,1.01,0.99)",
    "abs(sin(t/20))*10",
    "sqrt(t+1)/10",
    "exp(-t/1000)",
    "log(t+1)",
    "t%30",
    "(t>100)*2",
    "((t>10)&(t<40))*1",
    "arctan2(t,100)",
    "t**2/100000",
    "tan(t/1000)",
    "floor(t/12)",
    "0.5+0.05*sin(2*3.141*t/(s+24))",
]


def per_frame(frames: int) -> list[np.ndarray]:
    """Evaluate the usual way: one numexpr call per frame and expression."""
    columns = []
    for text in EXPRESSIONS:
        values = np.empty(frames)
        for t in range(frames):
            values[t] = numexpr.evaluate(
                text, local_dict={"t": t, "s": 1, "max_f": frames - 1}, global_dict={}
            )
        columns.append(values)
    return columns


def ours(frames: int) -> list[np.ndarray]:
    """Sample the expressions as a scene's curves, with an empty cache."""
    compile_expression.cache_clear()
    clock = Clock(frames, seed=1)
    signals = clock.signals()
    return [sample_curve(text, clock, signals) for text in EXPRESSIONS]


def seconds(curve: Any, frames: int, rounds: int = 3) -> float:
    """Return the CPU seconds to sample a curve with an empty cache, the minimum of some rounds."""
    spent = []
    for _ in range(rounds):
        compile_expression.cache_clear()
        started = time.process_time()
        sample(curve, frames=frames)
        spent.append(time.process_time() - started)
    return min(spent)


GROWING = {  # kind → function that returns a curve of n keys
    "numbers": lambda n: ", ".join(f"{i}:({i % 7})" for i in range(n)),
    "one formula": lambda n: ", ".join(f"{i}:(sin(t/7))" for i in range(n)),
    "n formulas": lambda n: ", ".join(f"{i}:(sin({i}+t))" for i in range(n)),
    "eased keyframes": lambda n: {i: {"value": i % 7, "ease": "in-out-sine"} for i in range(n)},
    "smooth keyframes": lambda n: {i: {"value": i % 7, "ease": "smooth"} for i in range(n)},
}


def growth() -> dict[str, float]:
    """Return the time ratios of 10,000 to 1,000 keys, and of about 45,000 to 4,200 characters of a key string."""
    ratios = {}
    for name, make in GROWING.items():
        few, many = seconds(make(1_000), 10_000), seconds(make(10_000), 10_000)
        ratios[name] = many / few
        print(f"  {name:18} {few:7.4f} s  {many:7.4f} s  ratio {ratios[name]:5.1f}")
    texts = [", ".join(f"{i}: (1.{i % 1000:03})" for i in range(count)) for count in (310, 3_100)]
    few, many = (seconds(text, 300) for text in texts)
    ratios["characters"] = many / few
    print(
        f"  {'characters':18} {few:7.4f} s  {many:7.4f} s  ratio {many / few:5.1f}  (4,228 of them, 45,388)"
    )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000, help="frames to sample")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds")
    options = parser.parse_args()
    numexpr.set_num_threads(1)
    times: dict[str, list[float]] = {"per frame": [], "ours": []}
    for _ in range(options.rounds):
        results = {}
        for name, work in (("per frame", per_frame), ("ours", ours)):
            started = time.process_time()
            results[name] = work(options.frames)
            times[name].append(time.process_time() - started)
        for a, b in zip(results["per frame"], results["ours"], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["per frame"] / medians["ours"]
    print(f"{len(EXPRESSIONS)} expressions x {options.frames:,} frames, equal values")
    print(f"CPU seconds, one thread, median of {options.rounds}:")
    for name, value in medians.items():
        print(f"  {name:10} {value:9.4f} s")
    print(f"  ratio      {ratio:9.0f}")
    long = min(_timed(ours, 100_000) for _ in range(options.rounds))
    print(f"{len(EXPRESSIONS)} expressions x 100,000 frames: {long:.3f} s")
    print("1,000 keys, 10,000 keys:")
    report = {"frames": options.frames, **medians, "ratio": ratio, "long": long, "growth": growth()}
    print(json.dumps(report))


def _timed(work: Callable[[int], object], frames: int) -> float:
    started = time.process_time()
    work(frames)
    return time.process_time() - started


if __name__ == "__main__":
    main()

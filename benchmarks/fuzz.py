"""Fuzz test of schedule files: each one is sampled or rejected with its position, and has no side effects.

    python -m benchmarks.fuzz --count 100000

A worker process reads the files one by one, with 200 MB of spare memory, and records every file it opens and all
code it runs. A worker that hangs or dies is recorded and replaced. A seed always gives the same files. Prints the
number of files by outcome, and the slowest ones.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from random import Random

import numpy as np

from animator import SceneError, loads, timeline
from benchmarks.written import schedule

SPARE = 200 * 2**20  # bytes of memory that reading a file may take
PATIENCE = 120.0  # seconds until a worker counts as hanging; generous, for busy machines
SLOW = 1.0  # CPU seconds from which a file counts as slow
GOOD = ("sampled", "refused with position")
CLEAN = "motion: {zoom: 1 + noise(t)*0.1, angle: '0:(0), 9:(t%3)'}\nprompts: {at: {0: a, 9: b}}"


@dataclass(frozen=True)
class Outcome:
    number: int
    kind: str
    seconds: float  # of CPU
    grown: int  # bytes by which the process has grown at most
    message: str = ""


def try_one(text: str) -> tuple[str, str]:
    """Compile one file; return its outcome and, unless it is a good one, the message."""
    try:
        frames = timeline(loads(text))
    except SceneError as error:
        lost = [problem for problem in error.problems if problem.place.line < 1 or problem.place.column < 1]
        if lost or not error.problems:
            return "refused without position", str(error)[:200]
        if max(len(str(problem)) for problem in error.problems) > 2_000:
            return "message too long", str(error)[:200]
        return "refused with position", ""
    except BaseException as error:
        return f"crash: {type(error).__name__}", str(error)[:200]
    numbers = [
        value
        for frame in frames
        for part in (frame.motion, frame.painting, frame.grade)
        for value in asdict(part).values()
    ]
    finite = np.isfinite([value for value in numbers if isinstance(value, int | float)]).all()
    return ("sampled", "") if finite else ("sampled, not finite", "")


def watch(seen: list[str] | deque[str]) -> None:
    """Append every opened file and all executed code to `seen`, except for numexpr's own expressions."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "exec":
            if (
                getattr(args[0], "co_filename", "") != "<expr>"
            ):  # the checked expression that numexpr compiles
                seen.append(f"exec {args[0]}")
        elif event.partition(".")[0] in ("open", "os", "subprocess", "socket", "shutil", "ctypes", "import"):
            seen.append(f"{event} {args[:1]}")

    sys.addaudithook(hook)


def work(seed: int, first: int, stop: int, pipe: multiprocessing.connection.Connection) -> None:
    """Try the files first..stop-1 and send an Outcome for each through `pipe`."""
    import unicodedata  # noqa: F401 (Python's parser imports it for names like π)

    import numexpr

    numexpr.set_num_threads(1)
    try_one(CLEAN)  # load every module before the memory limit is set
    for warm in range(200):
        try_one(schedule(Random(f"warm:{warm}")))
    seen: list[str] = []
    watch(seen)
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 (pathlib's own calls would be recorded)
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + SPARE, size + SPARE))
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, stop):
        text = schedule(Random(f"{seed}:{number}"))
        seen.clear()
        started = time.process_time()
        kind, message = try_one(text)
        seconds = time.process_time() - started
        if seen:
            kind, message = "harm", seen[0][:200]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
        pipe.send(Outcome(number, kind, seconds, grown * 1024, message))
    pipe.close()


def outcomes(seed: int, count: int):
    """Yield the Outcome of each file in order; workers that hang or die are replaced."""
    context, number = multiprocessing.get_context("spawn"), 0
    while number < count:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(seed, number, count, theirs), daemon=True)
        worker.start()
        theirs.close()
        try:
            while number < count:
                if not ours.poll(PATIENCE * (1 if number else 5)):
                    yield Outcome(number, "hang", PATIENCE, 0)
                    number += 1
                    break
                outcome = ours.recv()
                yield outcome
                number = outcome.number + 1
        except EOFError:
            yield Outcome(number, "worker died", 0.0, 0)
            number += 1
        worker.kill()
        worker.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000, help="number of files")
    parser.add_argument("--seed", type=int, default=1, help="seed of the files")
    options = parser.parse_args()
    counts, times, bad, grown = Counter(), [], [], 0
    for outcome in outcomes(options.seed, options.count):
        counts[outcome.kind] += 1
        times.append((outcome.seconds, outcome.number))
        grown = max(grown, outcome.grown)
        if len(times) % 5_000 == 0:
            print(f"{len(times):,} files: {dict(counts)}", file=sys.stderr, flush=True)
        if outcome.kind not in GOOD or outcome.seconds > SLOW:
            bad.append(outcome)
            print(f"{outcome.number}: {outcome.kind}, {outcome.seconds:.2f} s: {outcome.message}", flush=True)
    slow = sum(seconds > SLOW for seconds, _ in times)
    seconds = np.array([seconds for seconds, _ in times])
    print(f"{options.count:,} files, seed {options.seed}:")
    for kind, count in counts.most_common():
        print(f"  {count:8,}  {kind}")
    print(f"  {slow:8,}  slower than {SLOW:g} s of CPU; median {np.median(seconds) * 1e3:.2f} ms")
    print(f"  {grown / 2**20:8.0f}  MB of memory growth at most (200 MB allowed)")
    for spent, number in sorted(times, reverse=True)[:5]:
        print(f"  {spent:8.3f}  s: {schedule(Random(f'{options.seed}:{number}'))[:90]!r}")
    print(json.dumps({"seed": options.seed, **counts, "slow": slow, "slowest": max(seconds), "grown": grown}))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()

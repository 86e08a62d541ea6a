"""Running the same measurement on Orrery and on its peers."""
import contextlib

from figures import Row, Sample
from machine import settings


@contextlib.contextmanager
def on(peer: str):
    before = settings.peer
    settings.peer = peer
    try:
        yield
    finally:
        settings.peer = before


def repeat(times: int, function, *arguments) -> Sample:
    return Sample([function(*arguments) for _ in range(times)])


def compare(name: str, unit: str, times: int, function, peers=("qemu",)) -> Row:
    """Measures all sides in turn, round by round, so that a disturbance of the host hits every side."""
    values = {peer: [] for peer in ("orrery", *peers)}
    for _ in range(times):
        for peer, results in values.items():
            with on(peer):
                results.append(function())
    samples = {peer: Sample(results) for peer, results in values.items()}
    return Row(name, unit, samples.pop("orrery"), samples)


def compare_kinds(prefix: str, times: int, seconds, peers: tuple[str, ...]) -> list[Row]:
    """The same of `seconds()`, which measures many kinds of work in one go: seconds by kind."""
    values: dict[str, dict[str, list[float]]] = {}
    for _ in range(times):
        for peer in ("orrery", *peers):
            with on(peer):
                for kind, taken in seconds().items():
                    values.setdefault(kind, {}).setdefault(peer, []).append(taken)
    samples = {kind: {peer: Sample(results) for peer, results in sides.items()} for kind, sides in values.items()}
    return [Row(f"{prefix}: {kind}", "s", sides.pop("orrery"), sides) for kind, sides in samples.items()]

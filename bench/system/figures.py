"""What a row of figures says: median and spread of each side, and the ratio of the medians."""
import dataclasses
import statistics


@dataclasses.dataclass
class Sample:
    """Repeated measurements of one thing, in one unit."""

    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str) -> str:
        return f"{self.median:.3g} {unit} ({min(self.values):.3g} to {max(self.values):.3g})"


@dataclasses.dataclass
class Row:
    name: str
    unit: str
    ours: Sample
    peers: dict[str, Sample]
    lower_is_better: bool = True

    def cells(self) -> list[str]:
        peers = ", ".join(f"{name} {sample.text(self.unit)}" for name, sample in self.peers.items())
        return [self.name, self.ours.text(self.unit), peers or "-", ", ".join(self._ratios()) or "-"]

    def _ratios(self):
        for name, sample in self.peers.items():
            ratio = self.ours.median / sample.median
            better = ratio < 1 if self.lower_is_better else ratio > 1
            yield f"{ratio:.2f}x {name}{'' if better else ' (worse)'}"


def markdown(rows: list[Row]) -> str:
    lines = ["| what | Orrery: median (range) | peer | ours to peer |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines)

"""Progress of a long command, told on stderr: a bar on a terminal, a line for every tenth elsewhere."""

import sys
from typing import TextIO

WIDTH = 30


class Progress:
    """Tells how many of `total` are done; a new label or count redraws the bar, and `end` leaves the line."""

    def __init__(self, total: int, *, stream: TextIO | None = None) -> None:
        self.total, self.stream = max(total, 1), stream or sys.stderr
        self.on_terminal = self.stream.isatty()
        self.told = -1

    def show(self, done: float, label: str = "") -> None:
        """Show that `done` of the total are done, and at what it is."""
        share = min(done / self.total, 1)
        if self.on_terminal:
            bar = "█" * int(share * WIDTH)
            self.stream.write(f"\r\x1b[K{bar:·<{WIDTH}} {done:.0f}/{self.total} {label}")
        elif int(share * 10) == self.told:
            return
        else:
            self.told = int(share * 10)
            self.stream.write(f"{share:4.0%} {done:.0f}/{self.total} {label}".rstrip() + "\n")
        self.stream.flush()

    def end(self) -> None:
        """Leave the bar's line, so that what follows starts on its own."""
        if self.on_terminal:
            self.stream.write("\n")
            self.stream.flush()

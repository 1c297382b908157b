"""A listener for runs that tests start."""


class Quiet:
    """Hears everything and says nothing; keeps what a person should have read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, name: str, *, total: int | None) -> None:
        """Begin a source."""

    def step(self) -> None:
        """Count one frame."""

    def done(self) -> None:
        """End the source."""

    def warn(self, text: str) -> None:
        """Keep one line."""
        self.lines.append(text)

    def fail(self, text: str) -> None:
        """Keep one line that says what went wrong."""
        self.lines.append(text)

    def note(self, text: str) -> None:
        """Forget a detail."""

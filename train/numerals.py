"""How figures are written in reports: as many digits as they deserve, and n/a for nothing."""


def figure(value: float) -> str:
    """Return an IoU with three digits, ``n/a`` for NaN."""
    return "n/a" if value != value else f"{value:.3f}"


def percent(share: float | None) -> str:
    """Return a share as a percentage, ``n/a`` for None."""
    return "n/a" if share is None else f"{100 * share:.2f} %"


def span(interval: tuple[float, float]) -> str:
    """Return a 95 % interval; empty where there is none."""
    low, high = interval
    return "" if low != low else f"{low:.3f} to {high:.3f}"

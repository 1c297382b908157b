"""The figures for Prometheus, by its own client, in a registry of our own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from losszero_rt.livestate import LiveStatus, SignalState
from losszero_rt.serve.hub import Hub
from losszero_rt.timings import Percentiles

_STATES: tuple[SignalState, ...] = get_args(SignalState)
_QUANTILES = (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"))


def metrics_text(hub: Hub, *, accept: str) -> tuple[bytes, str]:
    """Return what Prometheus reads, in the format of its Accept header, and the content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(hub))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


class _Figures(Collector):
    """Reads the figures at the moment they are asked for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield the families of figures."""
        yield from _page_figures(self._hub)
        status = self._hub.status
        if status is not None:
            yield from _run_figures(status)
            yield _frames(status)
            yield from _signal(status)
            yield from _model(status)


def _page_figures(hub: Hub) -> Iterator[Metric]:
    yield _gauge("losszero_rt_viewers", "Viewers of the page.", len(hub.viewers))
    yield CounterMetricFamily(
        "losszero_rt_pictures_sent", "Pictures sent to all viewers.", value=hub.num_sent
    )
    yield CounterMetricFamily(
        "losszero_rt_picture_sent_bytes", "Bytes of the pictures sent.", value=hub.sent_bytes
    )
    encoding = _percentiles(list(hub.encode_ms))
    yield _quantiles("losszero_rt_encode_seconds", "Encoding a picture, of late.", encoding)
    drawn = [ms for viewer in hub.viewers for ms in list(viewer.screen_ms)]
    text = "Capture to the word that a viewer has drawn the picture, of late."
    yield _quantiles("losszero_rt_screen_seconds", text, _percentiles(drawn))


def _run_figures(status: LiveStatus) -> Iterator[Metric]:
    yield _gauge("losszero_rt_elapsed_seconds", "Time since the run began.", status.elapsed_s)
    yield _gauge("losszero_rt_fps", "Frames handed on a second.", status.fps)
    yield _gauge(
        "losszero_rt_source_fps", "Frames a second that the source gives.", status.fps_measured
    )
    if status.fps_declared is not None:
        text = "Frames a second that the source claims."
        yield _gauge("losszero_rt_source_fps_declared", text, status.fps_declared)
    yield _quantiles("losszero_rt_age_seconds", "Capture to handed on, of late.", status.age_ms)
    shares = GaugeMetricFamily(
        "losszero_rt_class_share", "Share of the picture by class.", labels=["class"]
    )
    for name, share in zip(status.class_names, status.shares, strict=False):
        shares.add_metric([name], share)
    yield shares


def _frames(status: LiveStatus) -> Metric:
    frames = CounterMetricFamily(
        "losszero_rt_frames", "Frames by what became of them.", labels=["fate", "reason"]
    )
    for fate in ("shown", "late", "corrupt"):
        frames.add_metric([fate, ""], _number(status.frames.get(fate)))
    reasons = status.frames.get("dropped_by_reason")
    for reason, count in reasons.items() if isinstance(reasons, dict) else ():
        frames.add_metric(["dropped", str(reason)], _number(count))
    return frames


def _signal(status: LiveStatus) -> Iterator[Metric]:
    signal = status.signal
    states: dict[str, bool] = {state: state == signal.state for state in _STATES}
    yield StateSetMetricFamily("losszero_rt_signal", "State of the source.", value=states)
    text = "Connections tried since the signal was lost; 0 while there is one."
    yield _gauge("losszero_rt_connect_attempts", text, signal.attempt)
    text = "Times that a lost signal came back on a new connection."
    yield CounterMetricFamily("losszero_rt_reconnects", text, value=signal.num_reconnects)


def _model(status: LiveStatus) -> Iterator[Metric]:
    facts = {
        **{key: str(value) for key, value in status.engine.items()},
        "model": str(status.model.get("name", "")),
        "verified": str(bool(status.model.get("verified"))).lower(),
    }
    engine = {f"engine_{k}" if k == "name" else k: v for k, v in facts.items()}
    yield InfoMetricFamily("losszero_rt_engine", "What computes.", value=engine)
    yield from _scores(status.model)


def _scores(model: Mapping[str, object]) -> Iterator[Metric]:
    """Yield the score, named by what it is one of, so that nobody takes one for another."""
    of = str(model.get("score_of") or "")
    text = "Mean IoU on labelled pictures, of the engine and precision that run where known."
    if isinstance(miou := model.get("miou"), float):
        yield _gauge("losszero_rt_model_miou", text, miou, of=of)
    bounds, text = model.get("miou_ci95"), "95 % interval of the mean IoU."
    if isinstance(bounds, list | tuple):
        family = GaugeMetricFamily("losszero_rt_model_miou_ci95", text, labels=["of", "bound"])
        for name, bound in zip(("low", "high"), bounds, strict=False):
            family.add_metric([of, name], _number(bound))
        yield family
    if isinstance(n := model.get("n"), int):
        yield _gauge("losszero_rt_model_miou_pictures", "Pictures of that score.", n, of=of)
    if isinstance(miou := model.get("weights_miou"), float):
        yield _gauge("losszero_rt_weights_miou", "Mean IoU of the weights in fp32.", miou)


def _gauge(name: str, text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _percentiles(values_ms: Sequence[float]) -> Mapping[str, float]:
    return Percentiles.of(values_ms).as_dict() if values_ms else {}


def _quantiles(name: str, text: str, percentiles_ms: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["quantile"])
    for key, quantile in _QUANTILES:
        family.add_metric([quantile], percentiles_ms.get(key, math.nan) / 1e3)
    return family


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

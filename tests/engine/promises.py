"""What every engine promises, as tests; a subclass names the engine."""

import numpy as np
import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineName, EngineOptions, open_engine
from losszero_rt.errors import ModelError
from tests.bundles import SIZE, draw_inputs, draw_picture

BATCH = 3


class EnginePromises:
    """Promises of the protocol."""

    name: EngineName

    def open(self, bundle: Bundle, **options: object) -> Engine:
        return open_engine(
            bundle,
            name=self.name,
            options=EngineOptions(**{"precision": "fp32", "threads": 1, **options}),  # type: ignore[arg-type]
        )

    def test_labels_are_uint8_class_ids_at_labels_size(self, bundle: Bundle) -> None:
        engine = self.open(bundle, batch=BATCH)
        labels_NHW = engine.submit(draw_inputs(BATCH)).result()
        assert labels_NHW.dtype == np.uint8
        assert labels_NHW.shape == (BATCH, *SIZE) == (BATCH, *engine.info.labels_size)
        assert set(np.unique(labels_NHW)) == {0, 1}

    def test_labels_find_what_the_network_was_fitted_to(self, bundle: Bundle) -> None:
        pixels_HWC, truth_HW = draw_picture(0)
        labels_HW = self.open(bundle).submit(pixels_HWC[None]).result()[0]
        assert (labels_HW == truth_HW).mean() > 0.9

    def test_batched_and_single_frames_get_the_same_labels(self, bundle: Bundle) -> None:
        inputs_NHWC = draw_inputs(BATCH)
        together = self.open(bundle, batch=BATCH).submit(inputs_NHWC).result()
        single = self.open(bundle)
        apart = [single.submit(inputs_NHWC[i : i + 1]).result()[0] for i in range(BATCH)]
        assert (together == np.stack(apart)).mean() > 0.999

    def test_short_batch_is_padded_and_its_padding_cut(self, bundle: Bundle) -> None:
        engine = self.open(bundle, batch=BATCH)
        full = engine.submit(draw_inputs(BATCH)).result()
        short = engine.submit(draw_inputs(BATCH - 1)).result()
        np.testing.assert_array_equal(short, full[: BATCH - 1])

    def test_tickets_keep_their_order(self, bundle: Bundle) -> None:
        engine = self.open(bundle, threads=2, num_requests=4)
        inputs_NHWC = draw_inputs(4)
        alone = [engine.submit(inputs_NHWC[i : i + 1]).result() for i in range(4)]
        tickets = [engine.submit(inputs_NHWC[i : i + 1]) for i in range(4)]
        for ticket, expected in zip(tickets, alone, strict=True):
            np.testing.assert_array_equal(ticket.result(), expected)

    def test_input_may_be_reused_after_submit(self, bundle: Bundle) -> None:
        engine = self.open(bundle)
        inputs_NHWC = draw_inputs(1)
        expected = engine.submit(inputs_NHWC).result()
        for _ in range(5):
            scratch = inputs_NHWC.copy()
            ticket = engine.submit(scratch)
            scratch[...] = 0
            np.testing.assert_array_equal(ticket.result(), expected)

    def test_labels_belong_to_the_caller(self, bundle: Bundle) -> None:
        engine = self.open(bundle, num_requests=1)
        first = engine.submit(draw_inputs(1)).result()
        kept = first.copy()
        engine.submit(255 - draw_inputs(1)).result()
        np.testing.assert_array_equal(first, kept)

    def test_result_may_be_read_twice(self, bundle: Bundle) -> None:
        ticket = self.open(bundle).submit(draw_inputs(1))
        np.testing.assert_array_equal(ticket.result(), ticket.result())

    def test_ticket_knows_its_time(self, bundle: Bundle) -> None:
        ticket = self.open(bundle).submit(draw_inputs(1))
        ticket.result()
        assert 0 < ticket.infer_ms < 10_000

    def test_info_tells_what_runs(self, bundle: Bundle) -> None:
        info = self.open(bundle, batch=BATCH).info
        assert info.name == self.name
        assert info.precision == info.precision_asked == "fp32"
        assert (info.input_size, info.batch, info.threads) == (SIZE, BATCH, 1)
        assert info.version
        assert info.device

    def test_bf16_is_read_back_or_refused(self, bundle: Bundle) -> None:
        try:
            engine = self.open(bundle, precision="bf16")
        except ModelError as error:
            assert "bf16" in str(error)  # noqa: PT017
            return
        assert engine.info.precision == "bf16"

    def test_unknown_device_is_refused(self, bundle: Bundle) -> None:
        with pytest.raises(ModelError, match="cuda:97"):
            self.open(bundle, device="cuda:97")

    def test_closing_twice_is_allowed_and_ends_submission(self, bundle: Bundle) -> None:
        engine = self.open(bundle)
        engine.submit(draw_inputs(1))
        engine.close()
        engine.close()
        with pytest.raises(ModelError):
            engine.submit(draw_inputs(1))

"""Reading and writing media: files in, frames and audio packets through, files out."""

from losszero_rt.video.addresses import Address, parse_address
from losszero_rt.video.cameras import Camera, find_cameras
from losszero_rt.video.codec_survey import codec_facts
from losszero_rt.video.encoders import CODEC_NAMES, DEFAULT_PRESET, PRESETS, EncodeOptions
from losszero_rt.video.image_sink import STILL_SUFFIXES, StillSink
from losszero_rt.video.image_source import IMAGE_SUFFIXES, StillSource
from losszero_rt.video.leftovers import put_part_aside, refuse_leftover
from losszero_rt.video.live import LiveSource
from losszero_rt.video.live_options import LiveOptions
from losszero_rt.video.output_lock import OutputLock, probe_output
from losszero_rt.video.output_path import (
    FORMATS,
    check_output,
    check_writable,
    part_of,
    write_output,
)
from losszero_rt.video.probe import ProbeReport, probe
from losszero_rt.video.sink import VideoSink
from losszero_rt.video.sink_report import SinkReport
from losszero_rt.video.source import VideoSource
from losszero_rt.video.source_options import SourceOptions
from losszero_rt.video.sources import MEDIA_SUFFIXES, expand_sources, open_source

# fmt: off
__all__ = [
    "CODEC_NAMES", "DEFAULT_PRESET", "FORMATS", "IMAGE_SUFFIXES", "MEDIA_SUFFIXES", "PRESETS",
    "STILL_SUFFIXES", "Address", "Camera", "EncodeOptions", "LiveOptions", "LiveSource",
    "OutputLock", "ProbeReport", "SinkReport", "SourceOptions", "StillSink", "StillSource",
    "VideoSink", "VideoSource", "check_output", "check_writable", "codec_facts", "expand_sources",
    "find_cameras", "open_source", "parse_address", "part_of", "probe", "probe_output",
    "put_part_aside", "refuse_leftover", "write_output",
]

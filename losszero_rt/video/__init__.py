"""Reading and writing media: files in, frames and audio packets through, files out."""

from losszero_rt.video.codec_survey import codec_facts
from losszero_rt.video.encoders import CODEC_NAMES, DEFAULT_PRESET, PRESETS, EncodeOptions
from losszero_rt.video.image_sink import STILL_SUFFIXES, StillSink
from losszero_rt.video.image_source import IMAGE_SUFFIXES, StillSource
from losszero_rt.video.output_path import FORMATS, check_output, check_writable, part_of
from losszero_rt.video.probe import ProbeReport, probe
from losszero_rt.video.sink import SinkReport, VideoSink
from losszero_rt.video.source import SourceOptions, VideoSource
from losszero_rt.video.sources import MEDIA_SUFFIXES, expand_sources, open_source

# fmt: off
__all__ = [
    "CODEC_NAMES", "DEFAULT_PRESET", "FORMATS", "IMAGE_SUFFIXES", "MEDIA_SUFFIXES", "PRESETS",
    "STILL_SUFFIXES", "EncodeOptions", "ProbeReport", "SinkReport", "SourceOptions", "StillSink",
    "StillSource", "VideoSink", "VideoSource", "check_output", "check_writable", "codec_facts",
    "expand_sources", "open_source", "part_of", "probe",
]

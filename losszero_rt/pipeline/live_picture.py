"""The picture that viewers of a live run asked for, painted beside the configured one."""

from dataclasses import replace

from losszero_rt.classmap import ClassMap
from losszero_rt.engine import Engine
from losszero_rt.errors import ModelError
from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.livestate import PictureChoice
from losszero_rt.pipeline.flow import LIVE_REQUESTS
from losszero_rt.pipeline.heat_painter import HeatPainter
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_window import blank_planes
from losszero_rt.pipeline.painter import Painter

# Submissions that may be under way when the engine is told to watch another class, and the one
# that is being made: their maps are those of the class before.
_FRAMES_UNDER_WAY = LIVE_REQUESTS + 1


def configured_choice(config: LiveConfig, *, classmap: ClassMap) -> PictureChoice:
    """Return the configured picture in the words of viewers."""
    return PictureChoice(
        view=config.view,
        alpha=config.alpha,
        classes=classmap.ids_of(config.classes) if config.classes else None,
        cam=classmap.id_of(config.cam) if config.cam else None,
        text=config.legend or config.hud,
    )


def make_painter(
    config: LiveConfig, *, classmap: ClassMap, info: VideoInfo, objects: bool
) -> Painter | HeatPainter:
    """Return what paints the pictures of a configuration."""
    if config.cam:
        return HeatPainter(config, classmap=classmap, info=info, chroma_444=False)
    return Painter(config, classmap=classmap, info=info, chroma_444=False, objects=objects)


class HeatWatch:
    """Has the engine watch the class whose map is to be drawn.

    Args:
        engine: Gives the maps.
        configured: Class that the recording or the window draws, and that nobody can change; None
            when they draw none.

    Attributes:
        can_cam: Whether the engine gives activation maps of this model.
        fixed: Class that the recording or the window draws; None where they draw none.
    """

    def __init__(self, engine: Engine, *, configured: int | None) -> None:
        self._engine = engine
        self.fixed = configured
        self.can_cam = _gives_maps(engine)
        self._watched = configured
        self._num_stale = 0
        engine.watch(configured)

    def possible(self, cam: int | None) -> int | None:
        """Return the class whose map can be drawn where one is asked for."""
        if not self.can_cam or cam is None:
            return None
        return cam if self.fixed is None else self.fixed

    def drawn(self, cam: int | None) -> int | None:
        """Return the class whose map comes with the frame at hand.

        Args:
            cam: Class to watch, one that is :meth:`possible`; None for none. For the few frames
                that were submitted before the engine was told, None is returned.
        """
        if self.fixed is not None:
            return cam
        if cam != self._watched:
            self._engine.watch(cam)
            self._watched, self._num_stale = cam, _FRAMES_UNDER_WAY
        if self._num_stale:
            self._num_stale -= 1
            return None
        return cam


def _gives_maps(engine: Engine) -> bool:
    try:
        engine.watch(0)
    except ModelError:
        return False
    engine.watch(None)
    return True


class ChosenPicture:
    """Paints what viewers asked for; what it needs is made when they ask, and kept.

    Args:
        config: The configuration: all that viewers cannot choose.
        classmap: Classes in the colours to use.
        info: The source.
        objects: Whether objects come beside the labels.
    """

    def __init__(
        self, config: LiveConfig, *, classmap: ClassMap, info: VideoInfo, objects: bool
    ) -> None:
        self._config, self._classmap, self._info = config, classmap, info
        self._objects = objects
        self._choice: PictureChoice | None = None
        self._painter: Painter | HeatPainter | None = None
        self._canvas: Planes | None = None

    def prepare(self, choice: PictureChoice) -> tuple[Painter | HeatPainter, Planes]:
        """Return the painter of a choice, and a canvas for it."""
        choice = replace(choice, paused=False)
        if self._painter is None or self._canvas is None or choice != self._choice:
            config = _with_choice(self._config, choice=choice, classmap=self._classmap)
            self._painter = make_painter(
                config, classmap=self._classmap, info=self._info, objects=self._objects
            )
            self._canvas = blank_planes(self._info, size=self._painter.output_size)
            self._choice = choice
        return self._painter, self._canvas


def _with_choice(config: LiveConfig, *, choice: PictureChoice, classmap: ClassMap) -> LiveConfig:
    names = classmap.names
    # No class at all is a wish too: a configuration would read it as the usual ones.
    nothing = choice.classes == ()
    # Who configured no text and asks for it here wants all of it.
    every_text = not (config.legend or config.hud)
    return replace(
        config,
        view="overlay" if nothing and choice.view == "mask" else choice.view,
        alpha=0.0 if nothing and choice.cam is None else choice.alpha,
        classes=tuple(names[class_id] for class_id in choice.classes or ()),
        cam="" if choice.cam is None else names[choice.cam],
        legend=choice.text and (config.legend or every_text),
        hud=choice.text and (config.hud or every_text),
    )

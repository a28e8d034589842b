"""Which files a run writes."""

import dataclasses

from tfstyle import config, images, reports

__all__ = ["Outputs"]


@dataclasses.dataclass(frozen=True)
class Outputs(config.Options):
    """The files that a run writes.

    Attributes:
        output: the result.

    The other attributes are described by their help texts.

    Raises:
        InputError: a value outside its range.
    """

    output: str = config.option(dataclasses.MISSING, "result (.png, .jpg, .webp, .tiff)", metavar="OUT")
    save_every: int | None = config.option(None, "save a numbered picture every N steps", metavar="N", least=1)
    timelapse: str | None = config.option(None, "animation of the run (.gif, .mp4)", metavar="FILE")
    log: str | None = config.option(None, "losses of every step (.csv)", metavar="FILE")
    plot: str | None = config.option(None, "loss curves (.png, .svg, .pdf)", metavar="FILE")
    keep_gps: bool = config.option(False, "keep the photo's GPS location in the result's metadata")

    def check(self) -> None:
        """Checks that every file can be written, before any work is done.

        Raises:
            InputError: a suffix that is not supported, or a folder that is missing or read-only.
        """
        images.check_writable(self.output)
        reports.check_files(log=self.log, plot=self.plot, timelapse=self.timelapse)

from .history import History
from .outputs import check_files
from .plots import plot_curves
from .sheet import contact_sheet
from .style_sheet import StyleSheet
from .tensorboard import Board
from .timelapse import Timelapse

__all__ = ["Board", "History", "StyleSheet", "Timelapse", "check_files", "contact_sheet", "plot_curves"]

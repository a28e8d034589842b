from . import data, log, loop, muon, session, trainer
from .data import FewPhotosWarning, Photos, open_photos
from .loop import Training, TrainingProgress, final_loss_network, target_for
from .session import Session, TrainingPlan, WeaveWarning, train

__all__ = [
    "FewPhotosWarning",
    "Photos",
    "Session",
    "Training",
    "TrainingPlan",
    "TrainingProgress",
    "WeaveWarning",
    "data",
    "final_loss_network",
    "log",
    "loop",
    "muon",
    "open_photos",
    "session",
    "target_for",
    "train",
    "trainer",
]

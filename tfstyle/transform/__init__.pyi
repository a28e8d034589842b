from . import export, inference_layers, networks, upsampling

__all__ = ["export", "inference_layers", "networks", "upsampling"]

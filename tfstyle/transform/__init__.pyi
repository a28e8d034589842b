from . import export, fused, networks, upsampling

__all__ = ["export", "fused", "networks", "upsampling"]

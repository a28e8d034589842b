from . import conditional, conditional_export, export, inference_layers, networks, transport, upsampling

__all__ = [
    "conditional",
    "conditional_export",
    "export",
    "inference_layers",
    "networks",
    "transport",
    "upsampling",
]

"""tfstyle over HTTP: `api` makes the application, of which `painting` and `slow` do the work."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # Gradio reads it on import: nothing is told to anybody.

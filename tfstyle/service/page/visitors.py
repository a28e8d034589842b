"""Visitors of the page, and when they leave: Gradio does not cancel the work of a closed tab."""

import asyncio
import weakref

import gradio as gr

__all__ = ["Visitors"]


class Visitors:
    """Tells waiting handlers that their visitor has closed the page."""

    def __init__(self) -> None:
        # An event lives as long as a handler holds it.
        self._departures: weakref.WeakValueDictionary[str, asyncio.Event] = weakref.WeakValueDictionary()

    def departure(self, request: gr.Request) -> asyncio.Event:
        """Returns an event that is set when the visitor leaves.

        Args:
            request: Gradio's, which names the browser's session.
        """
        session = request.session_hash or ""
        event = self._departures.get(session)
        if event is None:
            event = self._departures[session] = asyncio.Event()
        return event

    async def leave(self, request: gr.Request) -> None:
        """Handles the page's unload event.

        Args:
            request: Gradio's.
        """
        event = self._departures.pop(request.session_hash or "", None)
        if event:
            event.set()

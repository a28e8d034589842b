"""What requests contain and what responses return; reading of requests."""

import base64
import binascii
import re
from typing import Any, Literal

import fastapi
import pydantic

from tfstyle.service import limits, optimize_job

__all__ = [
    "ERROR_RESPONSES",
    "JobResponse",
    "REQUEST_BODY",
    "StylizeJson",
    "StylizeRequest",
    "StylizeResponse",
    "UNPROCESSABLE",
    "first_error",
    "read_request",
]

UNPROCESSABLE = 422
"""HTTP status; its name in `http.HTTPStatus` depends on Python's version."""

_ERROR = {
    "description": "One line that says what to change",
    "content": {"application/json": {"example": {"error": "..."}}},
}
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = dict.fromkeys(
    (400, 401, 403, 404, 405, 408, 409, 413, 415, 421, UNPROCESSABLE, 429, 503, 507), _ERROR
)
"""For the API's documentation."""

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_SPACE = str.maketrans("", "", " \t\r\n")


class StylizeRequest(pydantic.BaseModel):
    """How to stylize a photo."""

    model_config = pydantic.ConfigDict(extra="forbid")

    style: str = pydantic.Field(description="Name of a style from /v1/styles", max_length=100)
    strength: float = pydantic.Field(1.0, ge=0, le=1, description="0 returns the photo, 1 the full style")
    keep_colors: bool = pydantic.Field(False, description="Keep the photo's colors")
    size: int | None = pydantic.Field(
        None, ge=1, le=8192, description="Long side in pixels; by default the photo's own"
    )
    format: Literal["jpeg", "png", "webp"] = pydantic.Field("jpeg", description="Format of the result")


class StylizeJson(StylizeRequest):
    """The same with the photo itself."""

    image: str = pydantic.Field(description="The photo's file as base64 or as a data: URL")


class StylizeResponse(pydantic.BaseModel):
    """A stylized photo."""

    image: str = pydantic.Field(description="The result's file as base64")
    width: int
    height: int
    seconds: float = pydantic.Field(description="Time from request to result")


class JobResponse(pydantic.BaseModel):
    """An optimization job."""

    model_config = pydantic.ConfigDict(extra="allow")

    id: str
    status: optimize_job.Status
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    seconds: float | None = pydantic.Field(None, description="Time spent so far")
    remaining: float | None = pydantic.Field(None, description="Estimated time left in seconds")
    error: str | None = None


_FIELDS = {**StylizeRequest.model_json_schema()["properties"], "image": {"type": "string", "format": "binary"}}
REQUEST_BODY = {
    "multipart/form-data": {"schema": {"type": "object", "properties": _FIELDS, "required": ["image", "style"]}},
    "application/json": {"schema": StylizeJson.model_json_schema()},
}
"""What `read_request` reads, for the API's documentation."""


def first_error(problems: Any) -> str:
    """Returns the first of pydantic's errors in one line.

    Args:
        problems: from pydantic's ``errors()``.
    """
    problem = problems[0]
    field = ".".join(str(part) for part in problem["loc"] if part != "body") or "the request"
    return f"{field}: {problem['msg']}"


async def read_request(request: fastapi.Request) -> tuple[bytes, StylizeRequest, bool]:
    """Reads a photo and its options from a form or from JSON.

    Args:
        request: the request.

    Returns:
        The photo's file, the options, and whether they came as JSON.

    Raises:
        RequestError: the content type is neither (415), or a field is missing or invalid (422).
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if content_type == "application/json":
            options = StylizeJson.model_validate_json(await request.body())
            return _from_base64(options.image), options, True
        if content_type == "multipart/form-data":
            return *await _read_form(request), False
    except pydantic.ValidationError as error:
        raise limits.RequestError(UNPROCESSABLE, first_error(error.errors())) from error
    raise limits.RequestError(415, "send multipart/form-data or application/json")


async def _read_form(request: fastapi.Request) -> tuple[bytes, StylizeRequest]:
    async with request.form(max_files=1, max_fields=10) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("image")
        if file is None or isinstance(file, str):
            raise limits.RequestError(UNPROCESSABLE, "image is missing: send the photo file in this field")
        return await file.read(), StylizeRequest.model_validate(fields)


def _from_base64(text: str) -> bytes:
    """Decodes base64 with or without line breaks, or a data URL."""
    if match := _DATA_URL.match(text):
        text = text[match.end() :]
    try:
        return base64.b64decode(text.translate(_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise limits.RequestError(
            UNPROCESSABLE, "image is not base64: encode the photo file, or send a data: URL with ;base64"
        ) from error

"""What requests contain and what responses return; reading of requests."""

import base64
import binascii
import dataclasses
import re
from typing import Any, Literal

import fastapi
import pydantic

from tfstyle.service import limits, optimize_job

__all__ = [
    "ERROR_RESPONSES",
    "JobResponse",
    "REQUEST_BODY",
    "StyleResponse",
    "StylizeJson",
    "StylizeRequest",
    "StylizeResponse",
    "UNPROCESSABLE",
    "Upload",
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

    style: str = pydantic.Field(
        "",
        description="Name of a style from /v1/styles, or a mixture with weights: starry_night:2,great_wave:1. The word "
        "painting stands for the uploaded painting, which may also be the only style",
        max_length=300,
    )
    strength: float = pydantic.Field(1.0, ge=0, le=1, description="0 returns the photo, 1 the full style")
    keep_colors: bool = pydantic.Field(False, description="Keep the photo's colors")
    size: int | None = pydantic.Field(
        None, ge=1, le=8192, description="Long side in pixels; by default the photo's own"
    )
    format: Literal["jpeg", "png", "webp"] = pydantic.Field("jpeg", description="Format of the result")


class StylizeJson(StylizeRequest):
    """The same with the pictures themselves."""

    image: str = pydantic.Field(description="The photo's file as base64 or as a data: URL")
    painting: str = pydantic.Field("", description="The file of a painting in the same way, as a style")


@dataclasses.dataclass(frozen=True)
class Upload:
    """A request to stylize a photo.

    Attributes:
        image: the photo's file.
        painting: a painting's file; None if there is none.
        options: how to stylize.
        is_json: whether the request was JSON.
    """

    image: bytes
    painting: bytes | None
    options: StylizeRequest
    is_json: bool


class StyleResponse(pydantic.BaseModel):
    """A style."""

    name: str
    title: str
    artist: str
    year: str
    trained: bool = pydantic.Field(description="Has its own network, which paints it best")
    mixable: bool = pydantic.Field(description="Can be part of a mixture")


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


_BINARY = {"type": "string", "format": "binary"}
_FIELDS = {
    **StylizeRequest.model_json_schema()["properties"],
    "image": {**_BINARY, "description": "The photo's file"},
    "painting": {**_BINARY, "description": "The file of a painting, as a style"},
}
REQUEST_BODY = {
    "multipart/form-data": {"schema": {"type": "object", "properties": _FIELDS, "required": ["image"]}},
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


async def read_request(request: fastapi.Request) -> Upload:
    """Reads a photo, perhaps a painting, and options from a form or from JSON.

    Args:
        request: the request.

    Raises:
        RequestError: the content type is neither (415), or a field is missing or invalid (422).
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if content_type == "application/json":
            options = StylizeJson.model_validate_json(await request.body())
            painting = _from_base64(options.painting, "painting") or None
            return Upload(_from_base64(options.image, "image"), painting, options, is_json=True)
        if content_type == "multipart/form-data":
            return await _read_form(request)
    except pydantic.ValidationError as error:
        raise limits.RequestError(UNPROCESSABLE, first_error(error.errors())) from error
    raise limits.RequestError(415, "send multipart/form-data or application/json")


async def _read_form(request: fastapi.Request) -> Upload:
    async with request.form(max_files=2, max_fields=10) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        files = {name: await value.read() for name, value in form.items() if not isinstance(value, str)}
        if "image" not in files:
            raise limits.RequestError(UNPROCESSABLE, "image is missing: send the photo file in this field")
        if unknown := files.keys() - {"image", "painting"}:
            raise limits.RequestError(UNPROCESSABLE, f"{min(unknown)[:100]}: send files as image or painting")
        options = StylizeRequest.model_validate(fields)
        return Upload(files["image"], files.get("painting") or None, options, is_json=False)


def _from_base64(text: str, field: str) -> bytes:
    """Decodes base64 with or without line breaks, or a data URL."""
    if match := _DATA_URL.match(text):
        text = text[match.end() :]
    try:
        return base64.b64decode(text.translate(_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise limits.RequestError(
            UNPROCESSABLE, f"{field} is not base64: encode the picture's file, or send a data: URL with ;base64"
        ) from error

"""What requests ask and answers say, and what is refused."""

import base64
import binascii
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
_KINDS = Literal["jpeg", "png", "webp"]
_ERROR = {"description": "what is wrong, in one line", "content": {"application/json": {"example": {"error": "..."}}}}
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = dict.fromkeys(
    (400, 401, 403, 404, 409, 413, 415, 421, UNPROCESSABLE, 429, 503, 507), _ERROR
)
"""For the routes' documentation."""


class StylizeRequest(pydantic.BaseModel):
    """How a photo is to be painted."""

    model_config = pydantic.ConfigDict(extra="forbid")

    style: str = pydantic.Field(description="a name that /v1/styles lists", max_length=100)
    strength: float = pydantic.Field(1.0, ge=0, le=1, description="0: the photo; 1: as trained")
    keep_colors: bool = pydantic.Field(False, description="keep the photo's colours")
    size: int | None = pydantic.Field(None, ge=1, le=8192, description="long side, pixels; the photo's own if left out")
    format: _KINDS = pydantic.Field("jpeg", description="of the answer")


class StylizeJson(StylizeRequest):
    """The same with the photo itself."""

    image: str = pydantic.Field(description="a picture's file, base64")


class StylizeResponse(pydantic.BaseModel):
    """A painted photo."""

    image: str = pydantic.Field(description="a picture's file, base64")
    width: int
    height: int
    seconds: float = pydantic.Field(description="from the request to the picture")


class JobResponse(pydantic.BaseModel):
    """A picture that is painted slowly."""

    model_config = pydantic.ConfigDict(extra="allow")

    id: str
    status: optimize_job.Status
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    seconds: float | None = None
    remaining: float | None = pydantic.Field(None, description="seconds, estimated")
    error: str | None = None


_FIELDS = {**StylizeRequest.model_json_schema()["properties"], "image": {"type": "string", "format": "binary"}}
REQUEST_BODY = {
    "multipart/form-data": {"schema": {"type": "object", "properties": _FIELDS, "required": ["image", "style"]}},
    "application/json": {"schema": StylizeJson.model_json_schema()},
}
"""What `read_request` reads, for the routes' documentation."""


def first_error(problems: Any) -> str:
    """The first of pydantic's problems, in one line.

    Args:
        problems: from ``errors()``.

    Returns:
        Where it is, and what.
    """
    problem = problems[0]
    place = ".".join(str(part) for part in problem["loc"] if part != "body") or "the request"
    return f"{place}: {problem['msg']}"


async def read_request(request: fastapi.Request) -> tuple[bytes, StylizeRequest, bool]:
    """Reads a photo and what is wished, from a form or from JSON.

    Args:
        request: the request.

    Returns:
        The picture's file, what is wished, and whether it came as JSON.

    Raises:
        RequestError: 415 for other kinds, 422 for what is missing or no such value.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            encoded = StylizeJson.model_validate_json(await request.body())
            data = base64.b64decode(encoded.image, validate=True)
        except pydantic.ValidationError as error:
            raise limits.RequestError(UNPROCESSABLE, first_error(error.errors())) from error
        except (binascii.Error, ValueError) as error:
            raise limits.RequestError(UNPROCESSABLE, "image: is not base64: encode the picture's file") from error
        return data, encoded, True
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            file = form.get("image")
            if file is None or isinstance(file, str):
                raise limits.RequestError(UNPROCESSABLE, "image: is missing: send the picture's file in this field")
            try:
                return await file.read(), StylizeRequest.model_validate(fields), False
            except pydantic.ValidationError as error:
                raise limits.RequestError(UNPROCESSABLE, first_error(error.errors())) from error
    raise limits.RequestError(415, "send multipart/form-data or application/json")

"""The settings that a person may change while the vault runs: the same fields and rules as the environment's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import NoDecode

from mediavault.core.failures import BadSetting
from mediavault.core.job import DEFAULT_MAX_ATTEMPTS
from mediavault.core.media import Preference
from mediavault.core.messages import Message
from mediavault.core.name_template import DEFAULT_NAME_TEMPLATE, check_template

MAX_SLOWER = 20.0  # times; beyond that a site's jobs would hardly move
MAX_SHOWN_CHARS = 60
_IS_NO = {
    "int_parsing": Message("is not an integer"),
    "float_parsing": Message("is not a number"),
    "bool_parsing": Message("is neither true nor false"),
}


class Changeable(BaseModel):
    """Each takes effect from the next job on, in every process of the vault (store.live_settings)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    concurrency: Annotated[int, Field(ge=1, le=64)] = 3
    max_attempts: Annotated[int, Field(ge=1, le=100)] = DEFAULT_MAX_ATTEMPTS
    prefer: Preference = Field(Preference.BEST, description="best, or compatible: H.264 before anything larger.")
    name_template: str = Field(DEFAULT_NAME_TEMPLATE, description="How a kept video is called; {id} must be in it.")
    pace: Annotated[Mapping[str, float], NoDecode] = Field(
        default_factory=dict,
        description="Sites that are asked less often, as in tiktok=2,x=1.5: so many times the usual wait between two posts.",
    )
    forget_after_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0, description="Failed and cancelled jobs that kept nothing are forgotten after so many days. 0: never."
    )

    @field_validator("name_template")
    @classmethod
    def _names_apart(cls, template: str) -> str:
        return check_template(template)

    @field_validator("pace", mode="before")
    @classmethod
    def _read_pairs(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        pairs = [part.partition("=") for part in given.split(",") if part.strip()]
        return {name.strip().lower(): factor.strip() for name, _, factor in pairs}

    @field_validator("pace")
    @classmethod
    def _only_slower(cls, pace: Mapping[str, float]) -> Mapping[str, float]:
        """The usual pace is what a site bears from one person; asking more often gets an account locked."""
        if not all(1 <= factor <= MAX_SLOWER for factor in pace.values()):
            raise ValueError(
                Message(
                    "a site can be asked from 1 to %(max_slower)s times as slowly as usual",
                    max_slower=f"{MAX_SLOWER:g}",
                )
            )
        return {name: factor for name, factor in sorted(pace.items()) if factor != 1}


def checked(name: str, value: Any) -> Any:
    """``value`` as the setting ``name`` holds it. Raises BadSetting that says what is wrong, and KeyError for no setting."""
    if name not in Changeable.model_fields:
        raise KeyError(name)
    try:
        return getattr(Changeable.model_validate({name: value}), name)
    except ValidationError as exc:
        raise BadSetting(_sentence(what_is_wrong(exc.errors()[0]))) from exc


def what_is_wrong(error: Any) -> str:
    """In words of ours where pydantic's speak of parsing; a value is repeated only where it is a word or two of text."""
    given, kind = error["input"], str(error["type"])
    if isinstance(given, str) and kind in _IS_NO:
        return Message("%(value)s %(problem)s", value=repr(given[:MAX_SHOWN_CHARS]), problem=_IS_NO[kind])
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, ValueError) and raised.args and isinstance(raised.args[0], Message):
        return raised.args[0]  # by a check of ours
    return Message(str(error["msg"]).removeprefix("Value error, "))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else Message("%(text)s.", text=text)

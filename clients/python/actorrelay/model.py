"""What clients of the relay read and are answered."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class Place:
    """A place in a channel's sequence: its life, and 1 for the first event accepted in it."""

    epoch: str
    offset: int

    def to_json(self) -> dict:
        return {"epoch": self.epoch, "offset": self.offset}

    @staticmethod
    def of(frame: dict) -> Optional["Place"]:
        """The place in a frame; None where it has none, as transient events."""
        epoch, offset = frame.get("epoch"), frame.get("offset")
        if isinstance(epoch, str) and isinstance(offset, int) and not isinstance(offset, bool) and offset > 0:
            return Place(epoch, offset)
        return None


@dataclass(frozen=True)
class Event:
    """One event of a channel. ``place`` is None for transient ones, which no resume brings again."""

    channel: str
    name: str
    data: Any
    id: Optional[str] = None
    key: Optional[str] = None
    timestamp: int = 0
    place: Optional[Place] = None


@dataclass(frozen=True)
class Gap:
    """Events that are missing and will not come: from ``first`` to ``last``; of an unknown number where these are 0."""

    channel: str
    epoch: Optional[str] = None
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Published:
    """The relay has accepted a publish."""

    id: str
    place: Optional[Place]
    duplicate: bool
    subscribers: int


@dataclass(frozen=True)
class Member:
    client_id: str
    user_id: Optional[str] = None


@dataclass(frozen=True)
class Presence:
    """Who is on a channel: at most 1,000 members, and how many connections and users there are in all."""

    members: tuple
    count: int
    users: int

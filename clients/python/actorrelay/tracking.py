"""How far each subscription has got, and how a client comes back. Plain data, no input and output."""
from __future__ import annotations

import random
from collections import OrderedDict
from typing import Dict, Optional

from .model import Event, Gap, Place

# A pattern's subscription remembers so many channels: what is older is long behind the window in which something may come twice.
MOST_CHANNELS = 10_000


class Progress:
    """The places up to which one subscription has everything: of a channel, or of the channels a pattern has brought."""

    def __init__(self) -> None:
        self._places: "OrderedDict[str, Place]" = OrderedDict()

    def at(self, channel: str) -> Optional[Place]:
        return self._places.get(channel)

    def begin(self, channel: str, place: Optional[Place]) -> None:
        """The subscription runs from here."""
        if place is not None:
            self._set(channel, place)

    def takes(self, event: Event) -> bool:
        """Whether the event is new; then it counts as brought."""
        if event.place is None:
            return True
        known = self._places.get(event.channel)
        if known is not None and known.epoch == event.place.epoch and event.place.offset <= known.offset:
            return False
        self._set(event.channel, event.place)
        return True

    def skip(self, gap: Gap) -> bool:
        """Whether what is missing was not brought before; then it counts as told."""
        if gap.epoch is None:
            return True
        known = self._places.get(gap.channel)
        if known is not None and known.epoch == gap.epoch and gap.last <= known.offset:
            # Another life without events is told as a gap of nothing.
            return False
        self._set(gap.channel, Place(gap.epoch, gap.last))
        return True

    def places(self) -> Dict[str, Place]:
        return dict(self._places)

    def _set(self, channel: str, place: Place) -> None:
        self._places[channel] = place
        self._places.move_to_end(channel)
        if len(self._places) > MOST_CHANNELS:
            self._places.popitem(last=False)


class Backoff:
    """Pauses between tries: twice as long each time, at random between nothing and that, so that many clients do not come back together."""

    def __init__(self, first: float = 0.25, longest: float = 20.0, chance: Optional[random.Random] = None):
        self._first = first
        self._longest = longest
        self._chance = chance or random.Random()
        self._tries = 0

    def succeeded(self) -> None:
        self._tries = 0

    def next(self) -> float:
        ceiling = min(self._longest, self._first * 2 ** min(self._tries, 30))
        self._tries += 1
        return self._chance.uniform(0, ceiling)

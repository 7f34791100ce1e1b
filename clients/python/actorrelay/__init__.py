"""Client of ActorRelay. Standard library only.

    RelayClient     subscribe and publish with asyncio; reconnects and resumes without loss
    EventSender     fire and forget from any thread: hooks, scripts; never blocks, never raises
    Updates         what AI workers tell users, through Redis
    AgentWorker     answers chat messages that the relay hands out through a Redis list
"""
from .client import Refused, RelayClient, Subscription, Unauthorized
from .model import Event, Gap, Member, Place, Presence, Published
from .sender import EventSender
from .worker import AgentWorker, Updates

__all__ = [
    "AgentWorker", "Event", "EventSender", "Gap", "Member", "Place", "Presence", "Published", "Refused", "RelayClient", "Subscription", "Unauthorized", "Updates",
]

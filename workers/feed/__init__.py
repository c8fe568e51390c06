"""The journal as a feed: pages of it, and its newest events for all who follow."""

from workers.feed.entry import Entry
from workers.feed.feed import Feed, Page, Wanted

__all__ = ["Entry", "Feed", "Page", "Wanted"]

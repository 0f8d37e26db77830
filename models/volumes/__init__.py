"""Volume constraints: capacity that all customers share, kept by hard counts and paced by shadow prices."""

from models.volumes.book import VolumeBook
from models.volumes.quotes import Contact, Quote, RecordedQuotes, Volumes

__all__ = ["Contact", "Quote", "RecordedQuotes", "VolumeBook", "Volumes"]

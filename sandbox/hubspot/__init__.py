"""A stand-in for a HubSpot account."""

from sandbox.hubspot.portal import Portal
from sandbox.hubspot.service import HubSpotService

__all__ = ["HubSpotService", "Portal"]

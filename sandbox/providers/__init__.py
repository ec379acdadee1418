"""Stand-ins for the services that look phone numbers up."""

from sandbox.providers.clearoutphone import ClearoutPhoneService
from sandbox.providers.numverify import NumVerifyService
from sandbox.providers.rnd import RndService
from sandbox.providers.twilio import TwilioService

__all__ = ["ClearoutPhoneService", "NumVerifyService", "RndService", "TwilioService"]

"""A stand-in for a Salesforce org."""

from sandbox.salesforce.org import Org
from sandbox.salesforce.service import SalesforceService

__all__ = ["Org", "SalesforceService"]

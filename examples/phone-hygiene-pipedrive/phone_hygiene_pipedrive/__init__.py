"""Pipedrive's persons, as a connector of Phone Hygiene."""

from phone_hygiene_pipedrive.connector import PipedriveConnector

__all__ = ["PipedriveConnector"]

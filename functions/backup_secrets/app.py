"""Secrets: have the nodes send what a restore needs beside the database into the secrets bucket."""

from holdfast.engine import backup
from holdfast.engine.services import Services
from holdfast.handler import state
from holdfast.models.run import BackupState, StateEvent


@state("Secrets", StateEvent)
def handler(event: StateEvent, services: Services) -> BackupState:
    return backup.take_secrets(services, event.state)

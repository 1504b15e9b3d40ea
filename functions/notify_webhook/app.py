"""notify_webhook: subscribed to the topic; what it says goes to another system, as JSON that stays as it is."""

from holdfast.engine.relaying import relay_to_webhook
from holdfast.engine.services import Services
from holdfast.handler import settings, state
from holdfast.models.notice import SnsEvent


@state("NotifyWebhook", SnsEvent)
def handler(event: SnsEvent, services: Services) -> None:
    relay_to_webhook(services, event, settings().require("notify_secret"))

"""notify_slack: subscribed to the topic; what it says goes to a Slack channel's incoming webhook."""

from holdfast.engine.relaying import relay_to_slack
from holdfast.engine.services import Services
from holdfast.handler import settings, state
from holdfast.models.notice import SnsEvent


@state("NotifySlack", SnsEvent)
def handler(event: SnsEvent, services: Services) -> None:
    relay_to_slack(services, event, settings().require("notify_secret"))

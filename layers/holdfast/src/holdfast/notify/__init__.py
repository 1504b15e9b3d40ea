"""Telling people and other systems how a run ended: EventBridge and SNS in aws.py, a double in memory.py."""

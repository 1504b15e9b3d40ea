"""Schedules that start backups: EventBridge Scheduler in eventbridge.py, a double in memory.py."""

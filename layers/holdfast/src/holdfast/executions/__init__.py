"""Executions of state machines: Step Functions in stepfunctions.py, a double in memory.py."""

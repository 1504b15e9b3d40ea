"""The one error of the bench: something that a measurement needs is not there, and what to do about it."""


class BenchError(Exception):
    pass

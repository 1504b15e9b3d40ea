"""An identity that a test chooses."""

from holdfast.doubles import FailsOnDemand


class MemoryIdentity(FailsOnDemand):
    def __init__(self, name: str = "arn:aws:iam::123456789012:user/ops") -> None:
        super().__init__()
        self.name = name

    def caller(self) -> str:
        self._reach("caller")
        return self.name

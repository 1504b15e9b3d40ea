"""Whether a restore is approved by somebody else than the person who asked for it. Pure.

Who asked is what the input says: the command line writes the caller's name there, and nothing keeps a person at the
console from writing another one. What cannot be talked round are the policies for people: with four eyes on, the one
that may start a restore is refused the answer, and the one that may answer is refused the start.
"""

from holdfast.errors import RefusedError


def refuse_own_request(requested_by: str, approved_by: str) -> None:
    """RefusedError `approval_own_request`, or `approval_requester_unknown` for a run that nobody's name is on."""
    if not requested_by:
        raise RefusedError(
            "approval_requester_unknown",
            "the run does not say who asked for it, so nobody can be told apart from him",
            hint="Start it with holdfast restore run or member replace, which say in whose name; "
            "abort this one with holdfast restore abort.",
        )
    if person(requested_by) == person(approved_by):
        raise RefusedError(
            "approval_own_request",
            f"{approved_by} asked for this run himself ({requested_by}), and four eyes are asked for",
            hint="Somebody else has to look at the plan and approve it.",
        )


def person(arn: str) -> str:
    """Who stands behind an ARN: the name of a user, of a role's session, or "root".

    A session's name is the person with IAM Identity Center and where roles demand it (`sts:RoleSessionName`); so one
    who asks by one role and answers by another is found. Two people with one session name count as one.
    """
    return arn.rpartition("/")[2].rpartition(":")[2].strip().lower()

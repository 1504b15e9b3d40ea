"""oc VERB...: exit code 1 with one line on stderr when it failed."""

import sys

from holdfast.local.machines.oc import verbs
from holdfast.local.machines.oc.adm import adm, help_of
from holdfast.local.machines.oc.arguments import parse
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import OcError

_VERBS = {
    "get": verbs.get,
    "patch": verbs.patch,
    "delete": verbs.delete,
    "apply": verbs.apply,
    "create": verbs.create,
    "adm": adm,
}


def main() -> int:
    try:
        options = parse(sys.argv[1:])
        verb = _VERBS.get(options.words[0] if options.words else "")
        if verb is None:
            raise OcError(f'Error: unknown command "{" ".join(options.words[:1])}" for "oc"')
        if options.help:
            sys.stdout.write(help_of(options.words))
            return 0
        verb(Api.of(options.kubeconfig, options.request_timeout or None), options)
    except OcError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The boundary of the command line: an error becomes two lines on standard error and an exit code."""

import json
import os
import sys
import traceback
from collections.abc import Callable

import typer

from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, RefusedError

OK, FAILED, USAGE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130


def exit_code(error: HoldfastError) -> int:
    if isinstance(error, InvalidInputError):
        return USAGE
    return REFUSED if isinstance(error, RefusedError) else FAILED


def guarded(work: Callable[[], object], *, as_json: bool, debug: bool = False) -> int:
    """Run the parsed command line and say with which code the process ends."""
    try:
        ended = work()
        sys.stdout.flush()
    except HoldfastError as error:
        if debug:
            traceback.print_exc()
        show_error(error.code, error.family, error.message, error.hint, as_json=as_json)
        return exit_code(error)
    except typer.TyperException as error:
        return _usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the one place where an exception becomes an exit code
        return _unexpected(error, as_json=as_json, debug=debug)
    code = ended if isinstance(ended, int) else OK
    return _interrupted() if code == INTERRUPTED else code


def show_error(code: str, family: str, message: str, hint: str, *, as_json: bool) -> None:
    """On standard error: standard output carries results only."""
    if as_json:
        error = {"code": code, "family": family, "message": message, "hint": hint}
        typer.echo(json.dumps({"error": error}, ensure_ascii=False), err=True)
        return
    typer.secho(f"error[{code}]: ", fg=typer.colors.RED, bold=True, err=True, nl=False)
    typer.echo(message, err=True)
    if hint:
        typer.secho("hint: ", fg=typer.colors.CYAN, err=True, nl=False)
        typer.echo(hint, err=True)


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    message = error.format_message()
    if not message:  # a group without a command: its help was printed
        return USAGE
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "holdfast"
    show_error("usage", InvalidInputError.family, message, f"{path} --help", as_json=as_json)
    return USAGE


def _interrupted() -> int:
    typer.echo("interrupted", err=True)
    return INTERRUPTED


def _unexpected(error: Exception, *, as_json: bool, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    if isinstance(error, OSError) and error.filename is not None:
        code, message, hint = (
            "file_failed",
            f"{error.filename}: {error.strerror}",
            "check the path, its rights and the disk",
        )
    else:
        code, message = "unexpected", f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a defect of Holdfast; --debug shows the stack trace"
    show_error(code, PermanentError.family, message, hint, as_json=as_json)
    return FAILED

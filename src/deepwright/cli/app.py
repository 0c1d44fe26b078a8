"""App: the verbs together, and the one boundary where errors become words and exit codes."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

import typer

from deepwright import __version__
from deepwright.cli import doing, reading, using
from deepwright.core.errors import DeepwrightError

_UsageError: Any = typer.BadParameter.__bases__[0]
_WIDE = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    name="deepwright",
    help="From a data file to an honest verdict: a rule, a classical model and a network on the same rows.\n\n"
    "Start with:  deepwright fit penguins --target species   (penguins is a data set that comes along)\n\n"
    "then with your own file:  deepwright look FILE  and  deepwright fit FILE --target COLUMN",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_WIDE,
)
doing.add(app)
reading.add(app)
using.add(app)


def _version(value: bool) -> None:
    if value:
        print(f"deepwright {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    show_traceback: bool = typer.Option(False, "--traceback", help="On an error, show where in the code it arose."),
) -> None:
    pass


def run_command(arguments: list[str]) -> int:
    """Run the command line; every error becomes a sentence (or an `error` object with --json) and an exit code."""
    wants_trace = "--traceback" in arguments
    arguments = [argument for argument in arguments if argument != "--traceback"]
    as_json = "--json" in arguments
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="deepwright", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except DeepwrightError as error:
        _trace(wants_trace)
        return _say(error.as_dict(), str(error), error.exit_code, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _say(_plain("Interrupted", "interrupted"), "interrupted", 130, as_json)
    except _UsageError as error:
        message = error.format_message()
        remedy = "See --help."
        return _say(_plain("UsageError", message, remedy), f"{message} {remedy}", 2, as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        _trace(wants_trace)
        message = f"this is a fault in Deepwright, not in what you did: {type(error).__name__}: {error}"
        remedy = "" if wants_trace else "Run it again with --traceback and report it, please."
        return _say(_plain("InternalError", message, remedy), f"{message}. {remedy}", 1, as_json)


def _plain(kind: str, message: str, remedy: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "message": message, "where": None, "remedy": remedy}


def _say(error: dict[str, Any], sentence: str, code: int, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": error}, ensure_ascii=False))
    else:
        print(f"deepwright: {sentence}", file=sys.stderr)
    return code


def _trace(wanted: bool) -> None:
    if wanted:
        traceback.print_exc()

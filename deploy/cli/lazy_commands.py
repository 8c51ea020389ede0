"""Loads a command's module when the command runs or its help is shown, so that no command imports another's."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

PLACES = {
    "run": "deploy.cli.commands.run:run",
    "video": "deploy.cli.commands.video:video",
    "finetune": "deploy.cli.commands.finetune:finetune",
    "plan": "deploy.cli.commands.plan:plan",
    "status": "deploy.cli.commands.status:status",
    "ingest": "deploy.cli.commands.ingest:ingest",
    "score": "deploy.cli.commands.score:score",
    "attention": "deploy.cli.commands.attention:attention",
    "models": "deploy.cli.commands.models:models",
    "doctor": "deploy.cli.commands.doctor:doctor",
    "deploy": "deploy.cli.commands.register:deploy",
    "subjects": "deploy.cli.commands.subjects:subjects",
    "check-subjects": "deploy.cli.commands.check_subjects:check_subjects",
    "projects": "deploy.cli.commands.people.projects:projects",
    "forget": "deploy.cli.commands.forget:forget",
    "verify": "deploy.cli.commands.upkeep:verify",
    "gc": "deploy.cli.commands.upkeep:gc",
    "backup": "deploy.cli.commands.upkeep:backup",
    "restore": "deploy.cli.commands.upkeep:restore",
    "export": "deploy.cli.commands.exports.images:export",
    "export-subject": "deploy.cli.commands.exports.subject:export_subject",
    "inspect": "deploy.cli.commands.provenance.inspect:inspect",
    "replay": "deploy.cli.commands.provenance.replay:replay",
    "audit": "deploy.cli.commands.provenance.audit:audit",
    "marks": "deploy.cli.commands.provenance.marks:marks",
    "webhooks": "deploy.cli.commands.webhooks:webhooks",
    "dashboard": "deploy.cli.commands.dashboard:dashboard",
    "train": "deploy.cli.commands.train:train",
    "bench": "deploy.bench:bench",
}
"""Maps every command, in the order of `--help`, to its function or Typer."""


class LazyGroup(TyperGroup):
    """The group of all commands, for `typer.Typer(cls=...)`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(self.rich_markup_mode)


class _Commands(MutableMapping[str, Any]):
    """Click commands by name, each created on first access."""

    def __init__(self, markup: Any) -> None:
        self._made: dict[str, Any] = dict.fromkeys(PLACES)
        self._looks = {"pretty_exceptions_short": True, "rich_markup_mode": markup}

    def __getitem__(self, name: str) -> Any:
        if self._made[name] is None:
            module, _, attribute = PLACES[name].partition(":")
            found = getattr(import_module(module), attribute)
            if isinstance(found, typer.Typer):
                info = TyperInfo(found, name=name)
                self._made[name] = get_group_from_info(info, suggest_commands=True, **self._looks)
            else:
                self._made[name] = get_command_from_info(CommandInfo(name, callback=found), **self._looks)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

"""The command ``fedchemo provision`` and its sub-commands."""

from __future__ import annotations

from fedchemo.deploy.commands import create, members, passphrase, renew, show

provision = create.provision
provision.command("add")(members.add)
provision.command("approve")(members.approve)
provision.command("revoke")(members.revoke)
provision.command("renew")(renew.renew)
provision.command("passphrase")(passphrase.passphrase)
provision.command("show")(show.show)

__all__ = ["provision"]

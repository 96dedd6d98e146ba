"""A version of the directory that the admins have put into the gateway's folder counts for the first message of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from federation.folder_watch import LOOK_AGAIN, FolderWatch
from schemas.messages import Accepted, Confirmation, MessageType, StreamReset
from schemas.problems import ProblemCode
from tests.alliance import FIRST, HOME, Alliance, a_hash, body_of, sealed
from tests.federation.web.front import front_of
from tests.trust.samples import EDITORS, Published, key_record, signing_key
from trust.directory import TrustedDirectory
from trust.folder import write_folder
from trust.holding import HeldDirectory

NEXT_KEY = signing_key("the next one of HOME")


class CountedFolder(HeldDirectory):
    """Counts how often somebody looks."""

    looks = 0

    def look(self, now: datetime) -> bool:
        self.looks += 1
        return super().look(now)


@dataclass
class Folder:
    """The gateway's folder, with the version that was in force at the start."""

    town: Alliance
    path: Path
    held: CountedFolder = field(init=False)

    def __post_init__(self) -> None:
        self.put(self.town.directory)
        self.held = CountedFolder(self.path, self.town.clock())
        watch = FolderWatch(self.held, self.town.clock)
        self.town.gateway = replace(self.town.gateway, directory=self.held, refresh=watch.refresh)

    def put(self, directory: TrustedDirectory) -> None:
        write_folder(self.path, directory.root.chain, directory.targets, directory.files)


@pytest.fixture
def folder(town: Alliance, tmp_path: Path) -> Folder:
    return Folder(town, tmp_path / "directory")


async def reset(town: Alliance) -> type:
    """Let HOME say something under the directory that it holds; return what the gateway answers."""
    body = StreamReset(channel="catalogue", epoch=7, seq=0, hash=a_hash("none"), reason="restored")
    message = sealed(town.directory, MessageType.STREAM_RESET, HOME, FIRST, body, now=town.clock())
    return type(body_of(await town.gateway.receive(message.envelope, HOME)))


async def test_a_message_that_names_a_newer_version_is_decided_under_that_version(folder: Folder) -> None:
    folder.town.publish()
    folder.put(folder.town.directory)
    assert folder.held().version == 1
    assert await reset(folder.town) is Accepted
    assert folder.held().version == 2


async def test_a_message_under_a_key_of_the_newer_version_is_accepted(folder: Folder) -> None:
    town, listed = folder.town, folder.town.directory.directory
    members = tuple(member.model_copy(update={"keys": (*member.keys, key_record(NEXT_KEY.verifying))})
                    if member.agency == HOME else member for member in listed.agencies)
    newer = Published(directory=listed.model_copy(update={"agencies": members}), version=2).accept(town.directory)
    folder.put(newer)
    body = StreamReset(channel="catalogue", epoch=7, seq=0, hash=a_hash("none"), reason="restored")
    message = sealed(town.directory, MessageType.STREAM_RESET, HOME, FIRST, body, NEXT_KEY, now=town.clock())
    assert isinstance(body_of(await town.gateway.receive(message.envelope, HOME)), Accepted)


async def test_a_link_under_a_newer_version_is_admitted(folder: Folder) -> None:
    town = folder.town
    async with front_of(town) as front:
        town.publish()
        folder.put(town.directory)
        async with front.connected(HOME):
            assert folder.held().version == 2


async def test_where_the_folder_has_none_the_message_is_refused(folder: Folder) -> None:
    message = sealed(folder.town.directory, MessageType.CONFIRMATION, HOME, FIRST, Confirmation(message=a_hash("a")),
                     dir=(2, a_hash("newer")))
    answer = body_of(await folder.town.gateway.receive(message.envelope, HOME))
    assert answer.code is ProblemCode.NEWER_DIRECTORY


async def test_a_version_that_does_not_verify_lets_nobody_in(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    weak = Published(directory=folder.town.directory.directory, version=2, editor_signers=EDITORS[:1])
    folder.town.publish()
    write_folder(folder.path, [weak.root], weak.targets, weak.files)
    assert await reset(folder.town) is not Accepted
    assert folder.held().version == 1
    assert "not_enough_signatures" in caplog.text


async def test_messages_make_it_look_no_more_often_than_its_limit(folder: Folder) -> None:
    town = folder.town
    town.publish()
    for _ in range(50):
        assert await reset(town) is not Accepted
    assert folder.held.looks == 1
    town.clock.now += LOOK_AGAIN
    await reset(town)
    assert folder.held.looks == 2
    town.clock.now -= timedelta(days=1)
    await reset(town)
    assert folder.held.looks == 3, "a clock that is set back keeps it from nothing"

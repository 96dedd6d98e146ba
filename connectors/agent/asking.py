"""How a library asks the gateway: a signed question over the link, and its verified answer."""

from datetime import timedelta
from typing import Any, Protocol, TypeVar

from connectors.agent.entry import Refused
from connectors.agent.office import Office
from schemas.identifiers import Wire
from schemas.messages import Message, MessageType, Refusal
from schemas.problems import ProblemCode

QUESTION_LIFE = timedelta(minutes=2)

Answer = TypeVar("Answer", bound=Wire)


class Carries(Protocol):
    """The link, as far as questions need it."""

    async def ask(self, envelope: bytes) -> bytes:
        """Return the envelope that answers; raise ``GatewayUnreachable``."""


async def ask_gateway(office: Office, link: Carries, kind: MessageType, body: Wire, expected: type[Answer]) -> Answer:
    """Put a question to the gateway and return what it says.

    Raises:
        GatewayUnreachable: no link, or no answer in time.
        Refused: by the gateway, with its code; or the answer is none to this question.
        TrustError: what came is signed by nobody who may.
    """
    header = office.header(kind, office.gateway, office.clock(), QUESTION_LIFE)
    question = office.seal(Message[Any](**header, body=body))
    answer = (await office.open(await link.ask(question.envelope), me=None)).message
    said = answer.body
    if answer.src == office.gateway and isinstance(said, Refusal):  # of what it could not read, to nobody in particular
        raise Refused(said.code, said.detail)
    if answer.dst != office.me:
        raise Refused(ProblemCode.WRONG_DESTINATION, "the gateway passed on an answer to somebody else")
    if answer.src != office.gateway or answer.reply_to != question.hash or not isinstance(said, expected):
        raise Refused(ProblemCode.REPLY_MISMATCH, "the gateway answered another question")
    return said

"""Section 14: transfers, statements, netting. What is still open is remembered here, not told from the loan's state."""

import hashlib
import json
from typing import Any

Document = dict[str, Any]
RESERVED = ("fee", "carriage out", "carriage back", "guarantee")
QUOTED = {"fee": "fee_fen", "carriage out": "carriage_out_fen", "carriage back": "carriage_back_fen",
          "guarantee": "guarantee_fen"}


def transfer_id(conv: str, code: str, kind: str) -> str:
    return hashlib.sha256(f"{conv}/{code}/{kind}".encode()).hexdigest()[:32]


class LoanAccount:
    """What one loan has set aside and not yet resolved, and where the copy is."""

    def __init__(self, tariff: Document, clearing: str) -> None:
        self.tariff, self.clearing = tariff, clearing
        self.home = self.pickup = self.supplier = self.conv = ""
        self.custody = "supplier"
        self.quote: Document = {}
        self.open: dict[str, int] = {}
        self.granted = self.returned = self.is_over = False

    def take(self, message: Document, id_: str) -> list[Document]:
        """Return what a message moves."""
        rule = {"Order": self._order, "Request": self._request, "ReservationGranted": self._granted,
                "SupplyingAgencyMessage": self._supplying, "RequestingAgencyMessage": self._requesting,
                "CustodyReceipt": self._receipt, "ReservationReleased": self._release_all}.get(message["type"])
        self.evidence = message["reply_to"] if message["type"] == "ReservationGranted" else id_
        return (rule(message, message["body"]) or []) if rule else []

    def _order(self, message: Document, body: Document) -> None:
        self.conv, self.home = message["conv"], message["dst"]
        self.pickup, self.quote = body["pickup"]["agency"], body["quote"]

    def _request(self, message: Document, _body: Document) -> None:
        self.supplier = message["dst"]

    def _granted(self, _message: Document, _body: Document) -> list[Document]:
        if self.granted:
            return []
        self.granted = True
        self.open = {code: self.quote[QUOTED[code]] for code in RESERVED if self.quote[QUOTED[code]]}
        return [self._transfer("pending", code, self.home, self.clearing, fen) for code, fen in self.open.items()]

    def _supplying(self, message: Document, body: Document) -> list[Document]:
        if body["reason_for_message"] not in ("RequestResponse", "StatusChange"):
            return []
        if body["status"] == "Loaned":
            self.custody = "in transit"
            return self._earn("fee", self.supplier)
        self.is_over = self.is_over or body["status"] in ("CompletedWithoutReturn", "LoanCompleted")
        if body["status"] == "CompletedWithoutReturn":
            charge = min(body.get("charge_fen") or 0, self.open.get("guarantee", 0))
            earned = self._earn("guarantee", self.supplier, charge) if charge else []
            return earned + self._release_all(message, body)
        return self._release_all(message, body) if body["status"] == "LoanCompleted" else []

    def _requesting(self, _message: Document, body: Document) -> None:
        if body["action"] == "ShippedReturn" and not self.is_over:
            self.custody = "in transit back"

    def _receipt(self, message: Document, body: Document) -> list[Document]:
        if body["holder"] == "returned at" and not self.returned:
            self.returned = True
            self.custody = self.custody if self.is_over else "returned at"
            fen = self.tariff["third_return_fen"]
            third = message["src"] not in (self.home, self.supplier, self.pickup) and fen
            return [self._transfer("direct", "third return", self.tariff["fund"], message["src"], fen)] if third else []
        if self.is_over:
            return []
        before, self.custody = self.custody, body["holder"]
        self.is_over = self.custody == "supplier"
        if before == "in transit" and self.custody in ("pickup point", "locker"):
            return self._earn("carriage out", self.tariff["courier"])
        if self.custody != "supplier":
            return []
        if before == "in transit back":
            return self._earn("carriage back", self.tariff["courier"])
        return self._void("carriage out", "carriage back") if before == "in transit" else self._void("carriage back")

    def _release_all(self, _message: Document, _body: Document) -> list[Document]:
        return self._void(*RESERVED)

    def _earn(self, code: str, payee: str, fen: int | None = None) -> list[Document]:
        reserved = self.open.pop(code, 0)
        fen = reserved if fen is None else fen
        return [self._transfer("post", code, self.home, self.clearing, fen),
                self._transfer("direct", code, self.clearing, payee, fen)] if fen else []

    def _void(self, *codes: str) -> list[Document]:
        return [self._transfer("void", code, self.home, self.clearing, self.open.pop(code))
                for code in codes if code in self.open]

    def _transfer(self, kind: str, code: str, debit: str, credit: str, fen: int) -> Document:
        resolves = kind in ("post", "void")
        return {"id": transfer_id(self.conv, code, kind), "kind": kind,
                "pending_id": transfer_id(self.conv, code, "pending") if resolves else None, "debit": debit,
                "credit": credit, "amount_fen": fen, "code": code, "conv": self.conv, "evidence": self.evidence}


def statement(party: str, window: Document, entries: list[Document]) -> tuple[bytes, list[Document]]:
    """Return the bytes that both ends agree on, and the lines."""
    lines = []
    for entry in sorted(entries, key=lambda entry: (entry["index"], entry["transfer"]["id"])):
        transfer = entry["transfer"]
        inside = window["after_index"] < entry["index"] <= window["upto_index"]
        if transfer["kind"] in ("post", "direct") and inside:
            lines += [{"amount_fen": sign * transfer["amount_fen"], "code": transfer["code"],
                       "conv": transfer["conv"], "evidence": transfer["evidence"], "index": entry["index"],
                       "transfer": transfer["id"]}
                      for side, sign in (("debit", -1), ("credit", 1)) if transfer[side] == party]
    document = {"after_index": window["after_index"], "lines": lines, "party": party, "window": window["number"],
                "net_fen": sum(line["amount_fen"] for line in lines), "upto_index": window["upto_index"]}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), lines


def payments(positions: dict[str, int]) -> list[Document]:
    ranked = sorted(positions, key=lambda party: (-abs(positions[party]), party))
    rest = {party: abs(positions[party]) for party in ranked}
    owing = [party for party in ranked if positions[party] < 0]
    owed = [party for party in ranked if positions[party] > 0]
    made = []
    while owing:
        payer, payee = owing[0], owed[0]
        fen = min(rest[payer], rest[payee])
        made.append({"payer": payer, "payee": payee, "amount_fen": fen})
        for parties, party in ((owing, payer), (owed, payee)):
            rest[party] -= fen
            if not rest[party]:
                parties.remove(party)
    return made

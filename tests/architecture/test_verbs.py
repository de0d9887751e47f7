"""Every verb with an actor leaves its trail (house-style.md 25): an audit event, or rows that are their own trail (domain.md §7)."""

import ast
import importlib
import inspect
import textwrap

from tests.architecture.test_house import ROOT, SOURCES

AUDIT, FACTS, ENTRIES, HOLDS, DECISIONS, SEALS, REQUESTS, VERSIONS, OUTBOX, DERIVED, PROTECTIONS = (
    "audit",
    "facts",
    "entries",
    "holds, which keep how they ended",
    "decisions",
    "seals",
    "requests, audited by the verb that makes them",
    "versions and withdrawals, written once, and the audited approval that made them",
    "outbox rows",
    "derived from facts, rebuilt at will",
    "protections, which name their requests; the approval's event tells the rest",
)
MOVES = "status changes, written once, and the event of the move, the approval or the enrolment that made them"
MARKS = "the member's own marks, and the event of the report that changed his contact"
CODES, SENT = "codes, which keep when they were sent, tried and used", "the outbox row that it does"
MERGES = "the merge, which names what moved, and its event"

# A verb without a line here fails, so that its author says what remembers it.
TRAILS = {
    "foundation.audit.recording.record": AUDIT,
    "foundation.audit.recording.record_each": AUDIT,
    "foundation.audit.exporting.begin": AUDIT,
    "foundation.access.asking.ask_to_post": REQUESTS,
    "foundation.access.asking.ask_to_end": REQUESTS,
    "foundation.access.asking.do": REQUESTS,
    "foundation.access.grants.keep_allowed": AUDIT,
    "foundation.access.grants.disconnect": AUDIT,
    "foundation.access.grants.revoke_all": AUDIT,
    "foundation.access.grants.end_family": AUDIT,
    "foundation.access.registering.register": AUDIT,
    "foundation.access.recovering.ask": REQUESTS,
    "foundation.access.recovering.do": REQUESTS,
    "foundation.access.second_factors.add_app": AUDIT,
    "foundation.access.second_factors.add_passkey": AUDIT,
    "foundation.access.second_factors.remove": AUDIT,
    "foundation.access.second_factors.renew_recovery_codes": AUDIT,
    "foundation.access.passwords.change": AUDIT,
    "foundation.access.ending.end_one": AUDIT,
    "foundation.access.ending.end_every_one": AUDIT,
    "foundation.access.posting.employ": AUDIT,
    "foundation.access.posting.post": AUDIT,
    "foundation.access.posting.end": AUDIT,
    "foundation.approvals.requesting.request": AUDIT,
    "foundation.approvals.requesting.again": AUDIT,
    "foundation.approvals.requesting.withdraw": AUDIT,
    "foundation.approvals.deciding.approve": AUDIT,
    "foundation.approvals.deciding.reject": AUDIT,
    "foundation.approvals.deciding.set_aside": AUDIT,
    "foundation.approvals.expiring.expire": AUDIT,
    "foundation.outbox.relaying.handle": OUTBOX,
    "foundation.outbox.relaying.try_again": AUDIT,
    "membership_site.configuring.configure": AUDIT,
    "membership_site.merging.merge": AUDIT,
    "membership_site.merging.undo": AUDIT,
    "membership_site.merge_requests.ask": REQUESTS,
    "membership_site.merge_requests.ask_to_undo": REQUESTS,
    "members.merging.hand_on": MERGES,
    "members.doubles.set_apart": AUDIT,
    "members.housing.move_in": AUDIT,
    "members.housing.move_out": AUDIT,
    "points.moving.move": ENTRIES,
    "points.moving.move_back": ENTRIES,
    "activity.carrying.carry": FACTS,
    "tiers.keeping.keep_higher": MERGES,
    "tiers.keeping.let_go": MERGES,
    "members.enrolling.enrol": AUDIT,
    "members.revealing.reveal": AUDIT,
    "members.revealing.keep_refusal": AUDIT,
    "members.caring.assign": AUDIT,
    "members.caring.hand_over": AUDIT,
    "members.enrolling.open_accounts": FACTS,
    "members.moving.move": AUDIT,
    "members.moving.apply": MOVES,
    "members.moving.move_one": AUDIT,
    "members.moving.accept": MOVES,
    "members.waking.doze": MOVES,
    "members.waking.wake": MOVES,
    "members.waking.wake_by_visit": MOVES,
    "members.waking.wake_at_counter": MOVES,
    "members.waking.note_new_contacts": MARKS,
    "members.waking.release": AUDIT,
    "members.suspending.suspend": MOVES,
    "members.suspending.ask_to_reinstate": REQUESTS,
    "members.suspending.reinstate_approved": MOVES,
    "members.leaving.ask_to_leave": AUDIT,
    "members.leaving.stay": AUDIT,
    "members.leaving.close": MOVES,
    "members.merging.close_into": MOVES,
    "members.merging.reopen": MOVES,
    "members.leaving.close_due": MOVES,
    "members.preferring.change": AUDIT,
    "members.inviting.invite": AUDIT,
    "members.inviting.invite_again": AUDIT,
    "activity.idling.settle": MOVES,
    "members.knowing.put": AUDIT,
    "members.knowing.confirm": AUDIT,
    "members.taking_facts.take": AUDIT,
    "membership_site.keeping_files.keep": DERIVED,
    "membership_site.seeding.know": "the audit event of taking_facts.take",
    "foundation.messaging.sending.send": SENT,
    "members.consents.give": AUDIT,
    "members.consents.withdraw": AUDIT,
    "members.consents.choose": AUDIT,
    "members.verifying.send": CODES,
    "members.verifying.send_for_signing_in": CODES,
    "members.verifying.send_for_confirming": CODES,
    "members.verifying.use": CODES,
    "members.contacting.ask": CODES,
    "members.contacting.confirm": AUDIT,
    "members.joining.begin": AUDIT,
    "members.joining.send_again": CODES,
    "members.joining.resume": CODES,
    "members.joining.verify": CODES,
    "members.accepting.accept": AUDIT,
    "members.recognising.let_in": AUDIT,
    "members.recognising.begin": AUDIT,
    "activity.recording.record_accounts": FACTS,
    "activity.recording.record_activities": FACTS,
    "activity.recording.record_reversals": FACTS,
    "activity.recording.record_snapshots": FACTS,
    "activity.recording.record_holdings": FACTS,
    "activity.recording.record_grades": FACTS,
    "activity.waking.wake_reported": FACTS,
    "activity.waking.wake_arrived": FACTS,
    "activity.taking_in.begin": FACTS,
    "activity.taking_in.take": FACTS,
    "activity.taking_in.finish": AUDIT,
    "campaigns.earning.earn": ENTRIES,
    "campaigns.earning.take": ENTRIES,
    "campaigns.clawing_back.claw_back": ENTRIES,
    "campaigns.clawing_back.claw_back_taken": ENTRIES,
    "campaigns.clawing_back.take": ENTRIES,
    "importing.uploading.take_up": AUDIT,
    "importing.uploading.map_columns": AUDIT,
    "importing.asking.ask": REQUESTS,
    "importing.asking.ask_to_undo": REQUESTS,
    "importing.asking.start": REQUESTS,
    "importing.asking.start_undoing": REQUESTS,
    "importing.going_on.resume": AUDIT,
    "importing.complaining.give_rows": AUDIT,
    "importing.opening.credit": ENTRIES,
    "importing.undoing.undo": AUDIT,
    "points.ledger.post": ENTRIES,
    "points.ledger.post_staged": ENTRIES,
    "points.adjusting.adjust": ENTRIES,
    "points.correcting.ask_by_hand": REQUESTS,
    "points.correcting.ask_by_file": REQUESTS,
    "points.uploading.ask": REQUESTS,
    "points.lapsing.lapse": ENTRIES,
    "points.lapsing.lapse_inactive": ENTRIES,
    "points.freezing.freeze": AUDIT,
    "points.freezing.thaw": AUDIT,
    "points.freezing.ask_to_thaw": REQUESTS,
    "points.freezing.thaw_approved": REQUESTS,
    "points.redeeming.redeem": AUDIT,
    "points.redeeming.redeem_each": AUDIT,
    "points.reserving.hold": HOLDS,
    "points.reserving.capture": ENTRIES,
    "points.reserving.release": HOLDS,
    "points.reserving.lapse": HOLDS,
    "points.restoring.cancel": AUDIT,
    "points.restoring.cancel_each": AUDIT,
    "points.releasing.release": DERIVED,
    "points.holding.hold": HOLDS,
    "points.holding.capture": ENTRIES,
    "points.holding.release": HOLDS,
    "points.holding.lapse": HOLDS,
    "books.totalling.count": DERIVED,
    "books.totalling.total": DERIVED,
    "members.families.invite": AUDIT,
    "members.families.accept": AUDIT,
    "members.families.decline": AUDIT,
    "members.families.leave": AUDIT,
    "members.families.remove": AUDIT,
    "points.pooling.grant": AUDIT,
    "points.pooling.redeem": ENTRIES,
    "points.reminding.remind": OUTBOX,
    "points.transferring.transfer": AUDIT,
    "points.transferring.credit": ENTRIES,
    "points.transferring.credit_back": ENTRIES,
    "points.sealing.digest": SEALS,
    "points.sealing.seal": SEALS,
    "tiers.protecting.protect": PROTECTIONS,
    "tiers.protecting.end": PROTECTIONS,
    "tiers.protection_requests.ask": REQUESTS,
    "tiers.protection_requests.ask_to_end": REQUESTS,
    "tiers.rehearsing.start": AUDIT,
    "tiers.rehearsing.start_again": AUDIT,
    "tiers.rehearsing.resume": AUDIT,
    "tiers.drafting.begin": AUDIT,
    "tiers.drafting.save": AUDIT,
    "tiers.drafting.discard": AUDIT,
    "tiers.proposing.ask": REQUESTS,
    "tiers.proposing.ask_to_roll_back": REQUESTS,
    "tiers.proposing.ask_to_withdraw": REQUESTS,
    "tiers.enacting.put_in_force": VERSIONS,
    "tiers.enacting.roll_back": VERSIONS,
    "tiers.enacting.withdraw": VERSIONS,
    "tiers.reviewing.review": DECISIONS,
    "tiers.warning.warn": OUTBOX,
    "tiers.rolling.roll_up": DERIVED,
    "tiers.rolling.rebuild": DERIVED,
    "privacy.confirming.confirm": AUDIT,
    "privacy.confirming.send_code": CODES,
    "privacy.destroying.find": AUDIT,
    "privacy.destroying.ask": REQUESTS,
    "privacy.destroying.do": REQUESTS,
    "privacy.destroying.go_on": AUDIT,
    "privacy.disclosing.ask": REQUESTS,
    "privacy.disclosing.do": REQUESTS,
    "privacy.erasing.ask": AUDIT,
    "privacy.erasing.withdraw": AUDIT,
    "privacy.erasing.execute": AUDIT,
    "privacy.erasing_for.ask": REQUESTS,
    "privacy.erasing_for.do": REQUESTS,
    "privacy.exporting.ask": AUDIT,
    "privacy.exporting.make": SENT,
    "privacy.exporting.take": AUDIT,
    "privacy.exporting_for.ask": REQUESTS,
    "privacy.exporting_for.do": REQUESTS,
    "privacy.holding.place": AUDIT,
    "privacy.holding.lift": AUDIT,
}


def verbs() -> dict[str, object]:
    """Return every function that stands in a transaction and takes an actor, by its dotted name."""
    found = {}
    for path in SOURCES:
        if "in_transaction" not in path.read_text(encoding="utf-8"):
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            wrapped = getattr(function, "__wrapped__", None)
            if wrapped and function.__module__ == module.__name__ and "actor" in inspect.signature(wrapped).parameters:
                found[f"{module.__name__}.{name}"] = wrapped
    return found


def test_every_verb_names_its_trail():
    assert set(verbs()) == set(TRAILS)


def leaves_an_event(function, *, passed: frozenset[str] = frozenset()) -> bool:
    """Tell whether a function records an event itself or through a function of its own module."""
    module = inspect.getmodule(function)
    named = {
        call.func.id if isinstance(call.func, ast.Name) else call.func.attr
        for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)
    }
    own = {
        name: inspect.unwrap(one)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if one.__module__ == module.__name__ and name in named - passed
    }
    return bool(named & {"record", "record_each"}) or any(
        leaves_an_event(one, passed=passed | {name}) for name, one in own.items()
    )


def test_what_is_to_be_audited_records_an_event():
    silent = [name for name, verb in verbs().items() if TRAILS[name] == AUDIT and not leaves_an_event(verb)]

    assert silent == ["foundation.audit.recording.record", "foundation.audit.recording.record_each"]

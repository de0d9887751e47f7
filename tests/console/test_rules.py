"""The editor of rules in the console: from a template or a version to a draft in force, by forms that need no script."""

import datetime
import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from foundation import transactions
from foundation.approvals.models import Request
from foundation.jobs.models import BusinessDate
from tests.factories import MemberFactory
from tests.tiers import rules as cast
from tests.tiers.rules import FIRST, Rules, assemble, assemble_committed, changed
from tiers import rehearsing
from tiers.models import Draft, Rehearsal, RuleBook, Withdrawal

DRAFTS = "/console/tiers/draft/"
BOOKS = "/console/tiers/rulebook/"


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rules(db: None) -> Rules:
    return assemble()


@pytest.fixture
def real(committed: str) -> Rules:
    """The same in a database of its own: these pages commit."""
    return assemble_committed()


def form_of(page) -> dict[str, str]:
    """Return what the browser would send of the editor's form as it stands."""
    form = page.context["form"]
    said = {"seen": page.context["draft"].digest, "name": page.context["name"]}
    fields = [*form.general, *(field for step in form.steps for field in step.fields)]
    for step in form.steps:
        for row in (row for way in step.ways for row in way.rows):
            said |= {f"c-{row.index}-tier": step.tier.code}
            fields += row.fields
        for row in step.exclusions:
            said |= {f"c-{row.index}-tier": step.tier.code, f"c-{row.index}-metric": "risk_grade"}
            fields += row.fields
        for way in step.ways:
            said |= {f"c-{row.index}-group": str(way.number) for row in way.rows}
    for field in [*fields, *(one.unit for one in fields if one.unit)]:
        said[field.name] = field.value or (str(field.options[0][0]) if field.options else "")
    return said


def begun(client: Client, rules: Rules, start: str = "in_force") -> str:
    """Begin a draft by the form and return its address."""
    answer = client.post(f"{DRAFTS}begin/", {"programme": rules.programme.pk, "name": "spring", "start": start})
    assert answer.status_code == 302, answer.context["form"].errors
    return answer["Location"]


def test_a_draft_is_begun_changed_and_read_in_three_languages(real: Rules) -> None:
    pan = signed_in(real.pan)
    address = begun(pan, real)
    page = pan.get(address)

    saved = pan.post(
        f"{address}save/", form_of(page) | {"c-0-enter": "1,500", "c-0-keep": "1,400", "do": "save"}, follow=True
    )

    text = saved.content.decode()
    assert "Saved." in text
    assert "Silver is reached in any of 2 ways." in text
    assert "1,499 growth points" in text
    assert text.count("1,500") >= 4
    assert 'lang="zh-hans"' in text
    assert re.search(r"<td>Growth points in the last 12 months, to enter</td><td>2,000</td><td><b>1,500</b></td>", text)
    assert Draft.objects.get().document["conditions"][0]["enter"] == 1500


@pytest.mark.parametrize("start", ["template-asset_average", "template-anniversary", "empty", "version"])
def test_a_draft_begins_from_a_template_a_version_or_nothing(real: Rules, start: str) -> None:
    pan = signed_in(real.pan)

    address = begun(pan, real, f"version-{real.book.pk}" if start == "version" else start)

    draft = Draft.objects.get()
    assert pan.get(address).status_code == 200
    assert (draft.based_on == real.book) == (start == "version")
    assert bool(draft.document) == (start != "empty")


def test_ways_and_conditions_come_and_go_by_buttons(real: Rules) -> None:
    pan = signed_in(real.pan)
    address = begun(pan, real)

    def press(button: str):
        return pan.post(f"{address}save/", form_of(pan.get(address)) | {"do": button})

    def shape() -> list[tuple]:
        return [(one["tier"], one["group"]) for one in Draft.objects.get().document["conditions"]]

    added = press("way:silver")
    assert added["Location"].endswith("#c-2-metric")
    assert shape() == [("silver", 1), ("silver", 2), ("silver", 3), ("gold", 1), ("gold", 2)]
    press("condition:silver:3")
    assert shape().count(("silver", 3)) == 2
    press("up:silver:3")
    assert shape().count(("gold", 3)) == 2
    press("remove:2")
    press("remove:2")
    excluded = press("exclude:gold")
    assert {"tier": "gold", "metric": "risk_grade", "excludes": True} in Draft.objects.get().document["conditions"]
    [place] = re.findall(r"#c-(\d+)-enter", excluded["Location"])
    press(f"remove:{place}")
    assert shape() == [("silver", 1), ("silver", 2), ("gold", 1), ("gold", 2), ("gold", 3), ("gold", 3)]
    for nonsense in ("way:emperor", "remove:x", "condition", "up:gold:x", "::", "remove:999"):
        press(nonsense)
    assert shape() == [("silver", 1), ("silver", 2), ("gold", 1), ("gold", 2), ("gold", 3), ("gold", 3)]


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(real: Rules) -> None:
    pan = signed_in(real.pan)
    address = begun(pan, real)

    pan.post(f"{address}save/", form_of(pan.get(address)) | {"c-0-enter": "many", "c-2-window": "", "do": "save"})
    page = pan.get(address)

    text = page.content.decode()
    assert 'value="many"' in text
    assert 'id="c-0-enter-errors">Give a whole number.' in text
    assert 'href="#c-2-window"' in text
    assert "2 things are not in order yet" in text
    assert "In plain words" not in text


def test_a_save_over_somebody_elses_is_refused_and_loses_nothing(real: Rules) -> None:
    pan, qiu = signed_in(real.pan), signed_in(real.qiu)
    address = begun(pan, real)
    mine, others = form_of(pan.get(address)), form_of(qiu.get(address))
    qiu.post(f"{address}save/", others | {"name": "Qiu's", "c-0-enter": "1900", "do": "save"})

    refused = pan.post(f"{address}save/", mine | {"c-0-enter": "1700", "do": "save"})

    assert (refused.status_code, "Somebody has saved this draft meanwhile" in refused.content.decode()) == (409, True)
    assert 'value="1700"' in refused.content.decode()
    assert (Draft.objects.get().name, Draft.objects.get().document["conditions"][0]["enter"]) == ("Qiu's", 1900)
    again = pan.post(f"{address}save/", form_of(refused) | {"do": "save"})
    assert (again.status_code, Draft.objects.get().document["conditions"][0]["enter"]) == (302, 1700)


def test_the_preview_follows_what_is_typed_and_saves_nothing(rules: Rules) -> None:
    draft = cast.begin(rules)
    pan = signed_in(rules.pan)
    before = cast.picture()

    words = pan.post(f"{DRAFTS}{draft.pk}/preview/", form_of(pan.get(f"{DRAFTS}{draft.pk}/")) | {"c-0-enter": "1800"})

    assert "1,800" in words.content.decode()
    assert "<html" not in words.content.decode()
    assert cast.picture() == before


def test_a_draft_goes_into_force_by_forms_alone(real: Rules) -> None:
    pan, cao = signed_in(real.pan), signed_in(real.cao)
    draft = transactions.commit(cast.rehearsed, rules=real, document=changed(1500))
    ask = pan.get(f"{DRAFTS}{draft.pk}/ask/").context["form"].initial
    said = {name: str(value) for name, value in ask.items()} | {"reason": "more members", "protected_until": ""}

    wrong = pan.post(f"{DRAFTS}{draft.pk}/ask/", said | {"in_force_from": "2020-01-01"})
    asked = pan.post(f"{DRAFTS}{draft.pk}/ask/", said)
    waiting = pan.get(f"{DRAFTS}{draft.pk}/").content.decode()
    made = Request.objects.get()
    page = cao.get(asked["Location"])
    done = cao.post(f"{asked['Location']}approve/", {"seen": made.payload_hash}, follow=True)

    assert "The first day on which these rules can come into force" in str(
        wrong.context["form"].errors["in_force_from"]
    )
    assert ("waits for a decision" in waiting, 'name="seen"' in waiting) == (True, False)
    text = page.content.decode()
    assert "Put new rules of Loyalty in force from" in text
    assert ("growth points in the last 12 months, to enter", "2,000", "1,500") in [
        (one.what, one.before, one.after) for one in page.context["described"].changes
    ]
    assert "Approved and done." in done.content.decode()
    book = RuleBook.objects.get(number=2)
    assert f"{book.in_force_from:%Y-%m-%d}" == said["in_force_from"]
    assert "to come" in pan.get(f"{BOOKS}{book.pk}/").content.decode()
    assert "1,500" in cao.get(asked["Location"]).content.decode()  # the decided request says what it changed


def test_a_draft_is_rehearsed_from_its_page_and_only_then_asked_for(real: Rules) -> None:
    BusinessDate.objects.create(date=cast.TODAY - datetime.timedelta(days=1), status="closed", closed_at=cast.AT)
    MemberFactory(branch=real.head_office)
    pan = signed_in(real.pan)
    address = begun(pan, real)
    pan.post(f"{address}save/", form_of(pan.get(address)) | {"c-0-enter": "1500", "c-0-keep": "1400", "do": "save"})
    ask = {name: str(value) for name, value in pan.get(f"{address}ask/").context["form"].initial.items()}

    early = pan.post(f"{address}ask/", ask | {"reason": "x"})
    started = pan.post(f"{address}rehearse/", {"months": "3"})
    running = pan.get(address).content.decode()
    rehearsal = Rehearsal.objects.get()
    rehearsing.go_on(rehearsal_id=rehearsal.pk)
    done = pan.get(address).content.decode()
    asked = pan.post(f"{address}ask/", ask | {"reason": "x"})

    assert "Rehearse these rules to the end" in early.content.decode()
    assert started["Location"] == f"/console/tiers/rehearsal/{rehearsal.pk}/"
    assert (rehearsal.document, rehearsal.digest) == (Draft.objects.get().document, Draft.objects.get().digest)
    assert (rehearsal.months, 'status-running">' in running, 'status-done">' in done) == (3, True, True)
    assert "Of 1 members 0 would stand higher and 0 lower." in pan.get(asked["Location"]).content.decode()


def test_what_cannot_be_rehearsed_is_said(real: Rules) -> None:
    pan = signed_in(real.pan)
    address = begun(pan, real, start="empty")

    refused = pan.post(f"{address}rehearse/", {"months": "3"})
    BusinessDate.objects.create(date=cast.TODAY - datetime.timedelta(days=1), status="closed", closed_at=cast.AT)
    again = pan.post(f"{address}rehearse/", {"months": "999"})

    assert (refused.status_code, "No business date is closed yet" in refused.content.decode()) == (409, True)
    assert (again.status_code, "These rules can&#x27;t be taken" in again.content.decode()) == (422, True)
    assert not Rehearsal.objects.exists()


def test_a_version_to_come_is_withdrawn_by_a_form(real: Rules) -> None:
    pan, cao = signed_in(real.pan), signed_in(real.cao)
    book = cast.stored_committed(real, changed(1500), start=cast.FAR)
    door = f"{BOOKS}{book.pk}/withdraw/"

    shown = pan.get(f"{BOOKS}{book.pk}/").content.decode()
    asked = pan.post(door, {"id": uuid.uuid4(), "reason": "wrong"})
    cao.post(f"{asked['Location']}approve/", {"seen": Request.objects.get().payload_hash})
    after = pan.get(f"{BOOKS}{book.pk}/").content.decode()

    assert (door in shown, door in after) == (True, False)
    assert Withdrawal.objects.get().rule_book == book
    assert "withdrawn" in after
    refused = pan.post(f"{BOOKS}{real.book.pk}/withdraw/", {"id": uuid.uuid4(), "reason": "x"})
    assert "This version is in force" in refused.content.decode()


def test_the_way_back_is_one_button_on_the_older_version(real: Rules) -> None:
    pan, cao = signed_in(real.pan), signed_in(real.cao)
    cast.stored_committed(real, changed(1500), start=cast.TODAY)
    door = f"{BOOKS}{real.book.pk}/back/"

    shown = pan.get(f"{BOOKS}{real.book.pk}/").content.decode()
    asked = pan.post(door, {"id": uuid.uuid4(), "reason": "too many", "protected_until": ""})
    page = cao.get(asked["Location"])
    cao.post(f"{asked['Location']}approve/", {"seen": Request.objects.get().payload_hash})

    assert door in shown
    assert "Go back to the rules of version 1" in page.content.decode()
    assert RuleBook.objects.get(number=3).conditions.get(tier__code="silver", group=1).enter_minimum == 2000


def test_who_may_not_propose_reads_and_a_teller_sees_nothing(rules: Rules) -> None:
    draft = cast.begin(rules)
    cao, tian = signed_in(rules.cao), signed_in(rules.tian)
    each = f"{DRAFTS}{draft.pk}/"

    shown = cao.get(each).content.decode()

    assert ("Silver is reached" in shown, 'name="seen"' in shown) == (True, False)
    assert "Begin a draft" not in cao.get(DRAFTS).content.decode()
    for client in (cao, tian):
        assert {
            client.post(f"{each}{verb}/").status_code for verb in ("save", "preview", "rehearse", "discard", "ask")
        } == {403}
        assert client.get(f"{DRAFTS}begin/").status_code == 403
        assert {client.get(f"{BOOKS}{rules.book.pk}/{verb}/").status_code for verb in ("back", "withdraw")} == {403}
    assert {tian.get(each).status_code, tian.get(DRAFTS).status_code} == {403}
    assert Client().get(each).status_code == 302
    assert {
        signed_in(rules.pan).get(f"{each}{verb}/").status_code for verb in ("save", "preview", "rehearse", "discard")
    } == {403}
    assert Client(enforce_csrf_checks=True).post(f"{each}save/").status_code == 403
    assert signed_in(rules.pan).get(f"{DRAFTS}999/").status_code == 404


def test_a_draft_is_set_aside_by_a_button(real: Rules) -> None:
    pan = signed_in(real.pan)
    address = begun(pan, real)

    pan.post(f"{address}discard/")
    again = pan.post(f"{address}discard/")

    assert again.status_code == 409
    assert 'name="seen"' not in pan.get(address).content.decode()
    assert pan.post(f"{DRAFTS}999/discard/").status_code == 404


def test_the_editor_takes_the_same_statements_for_a_large_draft(rules: Rules) -> None:
    small = cast.begin(rules)
    large = cast.begin(rules, FIRST | {"conditions": [
        {**one, "group": group} for group in range(1, 40) for one in FIRST["conditions"][::2]
    ]})  # fmt: skip
    pan = signed_in(rules.pan)

    counts = []
    for draft in (small, large):
        with CaptureQueriesContext(connection) as captured:
            assert pan.get(f"{DRAFTS}{draft.pk}/").status_code == 200
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 25

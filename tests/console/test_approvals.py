"""The approvals inbox and the corrections in the console: who sees what, what the forms do, and what the pages cost."""

import datetime
import io
import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from foundation import transactions
from foundation.access.models import Role, User
from foundation.approvals.models import Decision, Request
from foundation.sheets import MOST_BYTES
from foundation.web.uploading import ROOM
from members.models import Member
from membership_site import ringing
from points import ledger
from points.models import CorrectionFile, Entry, Kind
from tests.approvals.cast import Cast, ask, assemble, assemble_committed, picture, posted
from tests.factories import MemberFactory
from tests.points.cast import CLERK, asked, purse_of

LIST = "/console/approvals/request/"
FILES = "/console/points/corrections/"
NOW = datetime.datetime.now(tz=datetime.UTC)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def real(committed: str) -> Cast:
    """The cast in a database of its own: these pages commit."""
    return assemble_committed()


def asked_for(cast: Cast, points: int = 500, **more) -> Request:
    """Let Lin ask for a correction just now."""
    if connection.in_atomic_block:
        return ask(cast, points, at=NOW, **more)
    return transactions.commit(ask, cast=cast, points=points, at=NOW, **more)


def page(made: Request, verb: str = "") -> str:
    return f"{LIST}{made.pk}/{verb and verb + '/'}"


def test_the_checker_sees_before_and_after_and_approves_by_a_form(real: Cast) -> None:
    made, checker = asked_for(real), signed_in(real.mo)

    shown = checker.get(page(made))
    done = checker.post(page(made, "approve"), {"seen": made.payload_hash, "comment": "seen the receipt"}, follow=True)

    [change] = shown.context["described"].changes
    assert (change.target, change.before, change.after) == ("A-WANG 王*", "1,000", "1,500")
    assert shown.context["described"].impact == "+500 Points"
    assert "¥10.00" in shown.content.decode()
    assert "Approved and done." in done.content.decode()
    assert purse_of(real.wang, real.points)["available"] == 1_500
    assert [event["what"] for event in done.context["history"]] == ["asked for", "approved"]
    assert Decision.objects.get().comment == "seen the receipt"


def test_a_rejection_without_a_word_is_refused_and_with_one_done(real: Cast) -> None:
    made, checker = asked_for(real), signed_in(real.mo)

    mute = checker.post(page(made, "reject"), {"comment": " "})
    done = checker.post(page(made, "reject"), {"comment": "no receipt"})
    late = checker.post(page(made, "approve"), {"seen": made.payload_hash})

    assert (mute.status_code, "Say why" in mute.content.decode()) == (422, True)
    assert done.status_code == 302
    assert (late.status_code, "has been decided already" in late.content.decode()) == (409, True)
    assert not Entry.objects.filter(kind=Kind.ADJUST).exists()


def test_the_maker_has_no_form_to_decide_and_is_refused_without_one(real: Cast) -> None:
    """F06, in the console: his own request, shown, and only to be taken back."""
    made, maker = asked_for(real, by=real.mo), signed_in(real.mo)

    shown = maker.get(page(made)).content.decode()
    before = picture()
    refused = [
        maker.post(page(made, verb), {"seen": made.payload_hash, "comment": "x"}) for verb in ("approve", "reject")
    ]
    unchanged = picture() == before
    back = maker.post(page(made, "withdraw"), follow=True)

    assert ("Take it back" in shown, "/approve/" in shown, "/reject/" in shown) == (True, False, False)
    assert [answer.status_code for answer in refused] == [403, 403]
    assert all("Nobody decides on his own request" in answer.content.decode() for answer in refused)
    assert unchanged
    assert "Taken back." in back.content.decode()


def test_what_came_to_nothing_is_asked_for_anew_by_a_button(real: Cast) -> None:
    made, maker = asked_for(real), signed_in(real.lin)
    maker.post(page(made, "withdraw"))
    new = maker.get(page(made)).context["new_id"]

    junk = maker.post(page(made, "again"), {"id": "x"})
    answers = [maker.post(page(made, "again"), {"id": new}) for _ in range(2)]

    assert junk.status_code == 404
    assert {answer["Location"] for answer in answers} == {f"{LIST}{new}/"}
    assert Request.objects.filter(status="pending").count() == 1


def test_a_stale_request_is_marked_when_somebody_tries(real: Cast) -> None:
    made, checker = asked_for(real), signed_in(real.mo)
    transactions.commit(ledger.post, batch=[asked(real.wang, real.points, 7)], actor=CLERK)

    answer = checker.post(page(made, "approve"), {"seen": made.payload_hash})

    assert (answer.status_code, "made anew" in answer.content.decode()) == (409, True)
    assert Request.objects.get().status == "stale"
    assert "out of date" in checker.get(LIST).content.decode()


def test_another_branch_has_neither_the_request_nor_its_forms(cast: Cast) -> None:
    """F08: a list without it, and 404 everywhere, whoever he is there."""
    made, stranger = asked_for(cast), signed_in(cast.hua)

    answers = [
        stranger.get(page(made)),
        *(stranger.post(page(made, verb)) for verb in ("approve", "reject", "withdraw")),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert stranger.get(LIST).context["cl"].result_list == []
    assert stranger.get("/console/").context["menu"][0][1][1]["count"] == 0


@pytest.mark.parametrize("verb", ["approve", "reject", "withdraw", "again"])
def test_the_verbs_are_posts_for_whom_the_page_is_open(cast: Cast, verb: str) -> None:
    made = asked_for(cast)

    assert signed_in(cast.mo).get(page(made, verb)).status_code == 403
    assert signed_in(posted(Role.IT, cast.pudong)).post(page(made, verb)).status_code == 403
    assert Client().post(page(made, verb)).status_code == 302
    assert Client(enforce_csrf_checks=True).post(page(made, verb)).status_code == 403
    assert Request.objects.get().status == "pending"


def test_who_reads_but_does_not_decide_has_no_form(cast: Cast) -> None:
    shown = signed_in(posted(Role.COMPLIANCE, cast.pudong)).get(page(asked_for(cast))).content.decode()

    assert "<form" in shown
    assert [verb for verb in ("approve", "reject", "withdraw", "again") if f"/{verb}/" in shown] == []


def test_above_the_limit_the_page_says_so_and_offers_no_approval(cast: Cast) -> None:
    made = asked_for(cast, 60_000)

    manager, finance = (signed_in(user).get(page(made)).content.decode() for user in (cast.mo, cast.fang))

    assert ("above what you may approve" in manager, "/approve/" in manager, "/reject/" in manager) == (
        True,
        False,
        True,
    )
    assert "/approve/" in finance
    assert f"/console/members/member/{cast.wang.pk}/" not in finance  # he reads no single member
    assert ("王*" in manager, "王*" in finance) == (True, False)


def test_who_credits_himself_is_flagged_in_the_list_and_on_the_page(cast: Cast) -> None:
    """F09."""
    plain = asked_for(cast, member=MemberFactory(branch=cast.lujiazui))
    Member.objects.filter(pk=cast.wang.pk).update(user=cast.lin)
    own, checker = asked_for(cast), signed_in(cast.mo)

    shown = [checker.get(page(made)).content.decode() for made in (plain, own)]

    assert ["credits the requester himself" in text for text in shown] == [False, True]
    assert checker.get(LIST).content.decode().count("credits the requester himself") == 1


def test_what_waits_stands_first_and_in_the_menu_and_on_the_home(cast: Cast) -> None:
    members = MemberFactory.create_batch(3, branch=cast.lujiazui)
    old = [asked_for(cast, member=member) for member in members]
    own = asked_for(cast, by=cast.mo, member=members[0])
    Request.objects.filter(pk=old[2].pk).update(status="withdrawn", settled_at=NOW)
    checker = signed_in(cast.mo)

    listed, home = checker.get(LIST), checker.get("/console/")

    assert [made.status for made in listed.context["cl"].result_list] == ["pending"] * 3 + ["withdrawn"]
    assert {made.pk for made in checker.get(LIST, {"to": "me"}).context["cl"].result_list} == {
        one.pk for one in old[:2]
    }
    assert [made.pk for made in checker.get(LIST, {"to": "mine"}).context["cl"].result_list] == [own.pk]
    assert [made.pk for made in checker.get(LIST, {"status": "withdrawn"}).context["cl"].result_list] == [old[2].pk]
    assert home.context["menu"][0][1][1]["count"] == 2
    assert "Approvals waiting for you" in home.content.decode()
    assert "Approvals waiting for you" not in signed_in(cast.lin).get("/console/").content.decode()


def test_the_inbox_pages_by_keys_and_counts_nothing(cast: Cast) -> None:
    for member in MemberFactory.create_batch(55, branch=cast.lujiazui):
        asked_for(cast, member=member)
    checker, seen, address = signed_in(cast.mo), [], LIST
    while address:
        with CaptureQueriesContext(connection) as captured:
            listed = checker.get(address).context["cl"]
        assert not [query for query in captured if "COUNT(" in query["sql"]]
        seen.append([made.pk for made in listed.result_list])
        address = f"{LIST}{listed.next_url}" if listed.next_url else ""

    assert [len(one) for one in seen] == [50, 5]
    assert len({pk for one in seen for pk in one}) == 55


def statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_pages_take_the_same_statements_for_one_request_and_forty(cast: Cast) -> None:
    checker, made = signed_in(cast.mo), asked_for(cast)
    few = statements(checker, LIST), statements(checker, page(made))
    for member in MemberFactory.create_batch(40, branch=cast.lujiazui):
        asked_for(cast, member=member)

    assert (statements(checker, LIST), statements(checker, page(made))) == few
    assert few[0] <= 12
    assert few[1] <= 25


def test_a_payload_of_thousands_of_rows_is_not_read_for_the_list(cast: Cast) -> None:
    asked_for(cast)

    with CaptureQueriesContext(connection) as captured:
        signed_in(cast.mo).get(LIST)

    assert [query for query in captured if '"payload"' in query["sql"]] == []


def test_a_teller_asks_by_hand_from_the_members_page(real: Cast) -> None:
    teller, member = signed_in(real.lin), f"/console/members/member/{real.wang.pk}/"
    address = f"{member}correct/"
    form = {
        "id": uuid.uuid4(), "currency": real.points.pk, "points": " -300 ", "reason": "double booking", "expires_on": "",
    }  # fmt: skip

    shown = teller.get(member).content.decode()
    bad = [{"points": points} for points in ("1,000", "٣", "0", "-1001")]
    bad += [{"reason": " "}, {"points": "5", "expires_on": "2020-01-01"}]
    wrong = [teller.post(address, form | changed).context["form"].errors for changed in bad]
    nothing = Request.objects.exists()
    done = [teller.post(address, form) for _ in range(2)]

    assert address in shown
    assert [list(errors) for errors in wrong] == [["points"]] * 4 + [["reason"], ["expires_on"]]
    assert nothing is False
    assert {answer["Location"] for answer in done} == {f"{LIST}{form['id']}/"}
    assert (Request.objects.get().amount, Entry.objects.count()) == (300, 1)


def test_by_hand_only_who_may_and_only_his_members(cast: Cast) -> None:
    far, gone = (
        MemberFactory(branch=cast.harbour),
        MemberFactory(branch=cast.lujiazui, status="closed", closed_on=NOW.date()),
    )
    teller, compliance = signed_in(cast.lin), signed_in(posted(Role.COMPLIANCE, cast.pudong))

    assert teller.get(f"/console/members/member/{far.pk}/correct/").status_code == 404
    assert compliance.get(f"/console/members/member/{cast.wang.pk}/correct/").status_code == 403
    assert "/correct/" not in compliance.get(f"/console/members/member/{cast.wang.pk}/").content.decode()
    assert "/correct/" not in teller.get(f"/console/members/member/{gone.pk}/").content.decode()


def csv(text: str, name: str = "march.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, f"member number,currency,points,reason,expires on\n{text}".encode("gb18030"))


def test_a_file_is_tried_put_right_and_asked_for(real: Cast) -> None:
    teller = signed_in(real.lin)
    bad = teller.post(FILES, {"file": csv("A-WANG,points,5,补偿,\nNOBODY,points,=1+1,@x,\n")})
    tried = teller.get(bad["Location"])
    told = teller.get(f"{bad['Location']}errors.csv")
    refused = teller.post(bad["Location"], {"reason": "outage"})
    good = teller.post(FILES, {"file": csv("A-WANG,points,5,补偿,\n")})
    mute = teller.post(good["Location"], {"reason": ""})
    asked_once = [teller.post(good["Location"], {"reason": "outage"}) for _ in range(2)]

    assert [error.line for error in tried.context["errors"]] == [3, 3]
    assert len(tried.context["checked"].rows) == 1
    text = told.getvalue().decode("utf-8-sig")
    assert "NOBODY,points,'=1+1,'@x,,3," in text
    assert "No member with this number in your branches." in text
    assert list(refused.context["form"].errors) == ["__all__"]
    assert list(mute.context["form"].errors) == ["reason"]
    made = Request.objects.get()
    assert {answer["Location"] for answer in asked_once} == {page(made)}
    assert made.payload["rows"][0]["reason"] == "补偿"


def test_the_template_fills_in_and_comes_back(real: Cast) -> None:
    teller = signed_in(real.lin)
    book = load_workbook(io.BytesIO(teller.get(f"{FILES}template.xlsx").getvalue()))
    book.active["A2"] = "A-WANG"
    written = io.BytesIO()
    book.save(written)

    kept = teller.post(FILES, {"file": SimpleUploadedFile("t.xlsx", written.getvalue())})

    assert "会员号" in book.active["A1"].value
    assert teller.get(kept["Location"]).context["checked"].errors == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04 no workbook", "neither an xlsx workbook nor a CSV"),
        (b"member number,currency,points,reason,tier\nA-WANG,points,5,x,gold\n", "can&#x27;t be set by a file"),
        (b"member number,currency,points,reason\n" + b"A-WANG,points,5,x\n" * 20_001, "more than 20,000 rows"),
        (b"x" * (MOST_BYTES + 1), "The file is too large"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(real: Cast, content: bytes, sentence: str) -> None:
    answer = signed_in(real.lin).post(FILES, {"file": SimpleUploadedFile("x.csv", content)})

    assert sentence in answer.content.decode()
    assert not CorrectionFile.objects.exists()


def test_an_upload_beyond_every_cap_is_cut_off_before_it_is_read(cast: Cast) -> None:
    """H06: the answer comes from the length that the request gives."""
    answer = signed_in(cast.lin).post(FILES, {"file": SimpleUploadedFile("x.csv", b"x" * (MOST_BYTES + ROOM + 1))})

    assert answer.status_code in {400, 413}


def test_files_are_for_whom_may_ask_and_each_ones_own(cast: Cast) -> None:
    kept = CorrectionFile.objects.create(name="x.csv", uploaded_by=cast.lin, uploaded_at=NOW, rows=[])
    addresses = [f"{FILES}{kept.pk}/", f"{FILES}{kept.pk}/errors.csv"]

    assert {signed_in(cast.mo).get(address).status_code for address in addresses} == {404}
    assert {signed_in(cast.fang).get(address).status_code for address in [FILES, *addresses]} == {403}
    assert "Correct points by file" in signed_in(cast.lin).get(LIST).content.decode()
    assert "Correct points by file" not in signed_in(cast.fang).get(LIST).content.decode()


def test_an_entry_of_a_correction_leads_to_its_approval(real: Cast) -> None:
    made = asked_for(real)
    signed_in(real.mo).post(page(made, "approve"), {"seen": made.payload_hash})

    shown = signed_in(real.lin).get(f"/console/members/member/{real.wang.pk}/?tab=points").content.decode()

    assert page(made) in shown
    assert "goodwill" in shown


def test_operations_see_what_waits(cast: Cast) -> None:
    before = Client().get("/metrics").content.decode()
    made = asked_for(cast)
    after = Client().get("/metrics").content.decode()

    assert 'loyalty_approvals_pending{kind="points.adjust"} 0.0' in before
    assert 'loyalty_approvals_pending{kind="points.adjust"} 1.0' in after
    [oldest] = [line for line in after.splitlines() if line.startswith("loyalty_approvals_oldest_timestamp_seconds{")]
    assert float(oldest.split()[-1]) == pytest.approx(made.requested_at.timestamp())


def test_the_ring_expires_what_nobody_decided(real: Cast) -> None:
    made = transactions.commit(ask, cast=real, at=NOW - datetime.timedelta(days=20))

    ringing.ring(close=lambda: None, relay=lambda: None)

    assert Request.objects.get(pk=made.pk).status == "expired"
    assert json.loads(json.dumps(made.payload)) == made.payload

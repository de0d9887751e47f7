"""Second factors: staff have one before anything else, a code counts once, whoever lost his is helped under four eyes (H1, G05)."""

import datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.management import CommandError, call_command
from django.test import Client

from foundation import transactions
from foundation.access import recovering, second_factors
from foundation.access.models import FactorTries, Role, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Decision, Request
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members import verifying
from members.models import Member, OneTimeCode
from members.sealing import PersonalData, seal_person
from tests.console.conftest import House, posted
from tests.factories import PASSWORD, MemberFactory, StaffFactory, StaffPostingFactory, UserFactory
from tests.signing_in import LOGIN, SECOND_STEP, code_for, sign_in

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HIMSELF = Actor.job("test")


@pytest.fixture
def lin() -> User:
    """A member's sign-in with an authenticator app."""
    user = MemberFactory(user=UserFactory(username="lin")).user
    TOTP.activate(user, SECRET)
    return user


def code_at(at: datetime.datetime, secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, int(at.timestamp()) // 30))


def given(user: User, code: str, *, at: datetime.datetime = AT, from_known: bool = False) -> bool:
    return second_factors.try_code(user=user, given=code, from_known=from_known, at=at) is not None


def later(**span: float) -> datetime.datetime:
    return AT + datetime.timedelta(**span)


def test_a_code_is_right_once_and_the_one_before_it_no_more(lin: User) -> None:
    assert given(lin, code_at(later(seconds=30)))
    assert not given(lin, code_at(later(seconds=30)))
    assert not given(lin, code_at(AT))
    assert given(lin, code_at(later(seconds=60)), at=later(seconds=60))


def test_a_code_is_right_for_a_step_more_and_no_longer(lin: User) -> None:
    assert not given(lin, code_at(AT), at=later(seconds=60))
    assert given(lin, code_at(AT), at=later(seconds=30))


def test_a_code_is_read_in_any_figures_and_nothing_else_is_one(lin: User) -> None:
    code = code_at(AT)

    assert not given(lin, "")
    assert not given(lin, "²" * 6)
    assert not given(lin, code[:5])
    assert given(lin, f" {code[:3]} {code[3:]} ".translate(str.maketrans("0123456789", "０１２３４５６７８９")))


def test_five_wrong_codes_shut_guessing_out_and_not_the_owner_s_own_device(lin: User) -> None:
    right, wrong = code_at(AT), f"{(int(code_at(AT)) + 1) % 10**6:06}"
    assert wrong not in (code_at(later(seconds=30)), code_at(later(seconds=-30)))

    guesses = [given(lin, wrong) for _guess in range(5)]

    assert guesses == [False] * 5
    assert not given(lin, right)
    assert given(lin, right, from_known=True)
    assert given(lin, code_at(later(minutes=15)), at=later(minutes=15))


def test_the_wrong_code_leaves_no_trace_but_the_count(lin: User) -> None:
    given(lin, "000000" if code_at(AT) != "000000" else "000001")

    assert FactorTries.objects.get().tries == 1
    assert Authenticator.objects.get().last_used_at is None


def test_a_recovery_code_lets_in_once_and_is_told(lin: User) -> None:
    [code, *_others] = second_factors.renew_recovery_codes(user=lin, at=AT, actor=HIMSELF)
    before = Obligation.objects.count()

    assert given(lin, code)
    assert not given(lin, code)
    assert second_factors.recovery_codes_left(lin) == 9
    assert Obligation.objects.count() == before + 1


def test_the_secret_lies_encrypted(lin: User) -> None:
    assert SECRET not in str(Authenticator.objects.get().data)


def test_adding_an_app_asks_for_its_code_and_ends_what_was_signed_in_without(client: Client) -> None:
    user = MemberFactory(user=UserFactory(username="mei")).user
    client.force_login(user)
    secret, at = generate_totp_secret(), clock.now()

    with pytest.raises(second_factors.FactorCodeRefused):
        second_factors.add_app(user=user, secret=secret, given="12345", at=at, actor=HIMSELF)
    nothing = (Authenticator.objects.count(), AuditEvent.objects.count())
    codes = second_factors.add_app(user=user, secret=secret, given=code_at(at, secret), at=at, actor=HIMSELF)

    assert nothing == (0, 0)
    assert len(codes) == 10
    assert AuditEvent.objects.get().new == {"factor": "totp"}
    assert client.get("/me").status_code == 302
    with pytest.raises(second_factors.HasAppAlready):
        second_factors.add_app(user=user, secret=secret, given=code_at(at, secret), at=at, actor=HIMSELF)
    # The code that it was added with is used.
    assert not given(user, code_at(at, secret), at=at)


def test_staff_keep_one_factor_and_members_may_remove_the_last(lin: User) -> None:
    teller = StaffFactory()
    app = Authenticator.objects.get(user=teller)
    second_factors.renew_recovery_codes(user=lin, at=AT, actor=HIMSELF)

    with pytest.raises(second_factors.LastFactorOfStaff):
        second_factors.remove(user=teller, factor_id=app.pk, at=AT, actor=HIMSELF)
    with pytest.raises(second_factors.NoSuchFactor):
        second_factors.remove(user=lin, factor_id=app.pk, at=AT, actor=HIMSELF)
    second_factors.remove(user=lin, factor_id=Authenticator.objects.get(user=lin, type="totp").pk, at=AT, actor=HIMSELF)

    assert Authenticator.objects.get() == app
    assert User.objects.get(pk=lin.pk).secured_at == AT


@pytest.mark.parametrize("is_superuser", [False, True])
def test_staff_without_a_factor_are_taken_to_get_one_before_anything_else(client: Client, is_superuser: bool) -> None:
    user = StaffFactory(username="newcomer", factor=False, is_superuser=is_superuser)
    StaffPostingFactory(user=user)

    first = sign_in(client, "newcomer", then="/console/")
    pages = {path: client.get(path) for path in ("/console/", "/console/members/member/", "/", "/me")}
    posted_form = client.post("/console/search/", {"text": "x"})
    api = client.get("/api/v1/members")

    assert first["Location"] == "/console/"
    assert {answer["Location"].partition("?")[0] for answer in pages.values()} == {"/security/begin/"}
    assert posted_form["Location"] == "/security/begin/?next=%2Fconsole%2F"
    assert (api.status_code, api.json()["code"]) == (403, "second_factor_required")
    assert "A second factor first" in client.get("/security/begin/").content.decode()


def test_staff_set_an_app_up_and_go_where_they_were_going(client: Client) -> None:
    user = StaffPostingFactory(user=StaffFactory(username="newcomer", factor=False)).user
    sign_in(client, "newcomer")
    client.get("/security/app/?next=/console/")
    secret = client.session["mfa.totp.secret"]

    wrong = client.post("/security/app/", {"code": "1", "next": "/console/"})
    done = client.post("/security/app/", {"code": code_at(clock.now(), secret), "next": "/console/"})

    assert "This code is not right" in wrong.content.decode()
    assert len(done.context["codes"]) == 10
    assert done.context["next"] == "/console/"
    assert client.get("/console/").status_code == 200
    assert second_factors.has_one(user)


def test_the_second_step_stands_between_the_password_and_the_pages(client: Client) -> None:
    StaffPostingFactory(user=StaffFactory(username="teller"))

    first = client.post(LOGIN, {"login": "teller", "password": PASSWORD})
    outside = client.get("/console/")
    wrong = client.post(SECOND_STEP, {"code": "1"})
    done = client.post(SECOND_STEP, {"code": code_for("teller")})

    assert first["Location"] == SECOND_STEP
    assert outside["Location"].startswith("/console/login/")
    assert wrong.status_code == 200 and "This code is not right" in wrong.content.decode()
    assert done["Location"] == "/console/"
    assert client.get("/console/").status_code == 200


def test_a_demonstration_tells_the_code_and_production_does_not(client: Client, capsys, settings) -> None:
    StaffPostingFactory(user=StaffFactory(username="teller"))
    client.post(LOGIN, {"login": "teller", "password": PASSWORD})
    on_a_real_site = client.get(SECOND_STEP).content.decode()
    settings.SITE_ENV = "local"
    on_the_page = client.get(SECOND_STEP).context["demo_code"]

    call_command("code", "teller")
    told = capsys.readouterr().out.strip()
    settings.PRODUCTION = True

    assert "data-demo-code" not in on_a_real_site
    assert told == on_the_page or told == client.get(SECOND_STEP).context["demo_code"]
    assert client.post(SECOND_STEP, {"code": told})["Location"] == "/console/"
    with pytest.raises(CommandError):
        call_command("code", "teller")


def test_the_second_step_without_the_first_leads_to_the_first(client: Client) -> None:
    assert client.get(SECOND_STEP)["Location"] == LOGIN
    assert client.post(SECOND_STEP, {"code": "123456"})["Location"] == LOGIN


def test_what_is_no_passkey_is_refused_in_words(client: Client) -> None:
    StaffPostingFactory(user=StaffFactory(username="teller"))
    client.post(LOGIN, {"login": "teller", "password": PASSWORD})
    client.get(SECOND_STEP, headers={"accept": "application/json"})

    for credential in (
        "",
        "x",
        "[]",
        "{}",
        '{"response": 3}',
        '{"id": null, "response": {"userHandle": "AA"}}',
        "1" * 30_000,
    ):
        second = client.post(SECOND_STEP, {"credential": credential})
        alone = Client().post("/accounts/passkey/", {"credential": credential})
        assert second.status_code == 200, credential
        assert "The passkey was not used" in second.content.decode()
        assert alone.status_code == 422, credential


def test_a_sign_in_by_code_asks_for_the_second_step_too(client: Client, lin: User) -> None:
    member = Member.objects.get(user=lin)
    seal_person(member.pk, PersonalData(full_name="林", phone="13800000042")).save()
    client.post("/accounts/code/", {"contact": "13800000042"})

    answer = client.post("/accounts/code/enter", {"code": verifying.secret_of(OneTimeCode.objects.get())})

    assert answer["Location"] == SECOND_STEP
    assert client.get("/me").status_code == 302


class TestLosingIt:
    """A branch manager asks, compliance decides."""

    @pytest.fixture
    def cast(self, house: House) -> tuple[User, User, User]:
        """The teller who lost his phone, his manager in Pudong, and compliance in head office."""
        return (
            posted(Role.TELLER, house.lujiazui),
            posted(Role.BRANCH_MANAGER, house.pudong),
            posted(Role.COMPLIANCE, house.head_office),
        )

    def ask(self, client: Client, who: str, do: str = "reset"):
        return client.post(
            "/console/access/sign-ins/", {"who": who, "do": do, "reason": "His phone fell into the river"}
        )

    def approve(self, made: Request, by: User):
        return transactions.commit(
            deciding.approve,
            request_id=made.pk,
            seen_hash=made.payload_hash,
            comment="Seen in person",
            actor=Actor(user=by),
            at=clock.now(),
        )

    def test_factors_go_and_sessions_end_once_another_has_approved(self, cast, client: Client) -> None:
        teller, manager, compliance = cast
        signed_in = Client()
        signed_in.force_login(teller)
        client.force_login(manager)

        asked = self.ask(client, teller.username)
        made = Request.objects.get()
        before = signed_in.get("/console/").status_code
        self.approve(made, compliance)

        assert asked["Location"] == f"/console/approvals/request/{made.pk}/"
        assert before == 200
        assert signed_in.get("/console/").status_code == 302
        assert not second_factors.has_one(teller)
        assert Decision.objects.get(request=made).result == {"user": teller.username, "factors": ["totp"]}
        assert AuditEvent.objects.filter(verb="approvals.approve").count() == 1

    def test_a_closed_sign_in_ends_at_once_and_opens_no_more(self, cast, client: Client) -> None:
        teller, manager, compliance = cast
        signed_in = Client()
        signed_in.force_login(teller)
        client.force_login(manager)
        self.ask(client, teller.username, "close")

        self.approve(Request.objects.get(), compliance)

        assert signed_in.get("/console/").status_code == 302
        assert not signed_in.login(username=teller.username, password=PASSWORD)

    def test_nobody_decides_on_his_own_and_nobody_asks_outside_his_branches(self, cast, house, client: Client) -> None:
        teller, manager, compliance = cast
        client.force_login(manager)
        far = posted(Role.TELLER, house.harbour)

        refused = self.ask(client, far.username)
        unknown = self.ask(client, "nobody-at-all")
        own = Client()
        own.force_login(teller)

        assert (refused.status_code, unknown.status_code) == (422, 422)
        assert "In your branches nobody signs in by this" in refused.content.decode()
        assert own.get("/console/access/sign-ins/").status_code == 403
        assert not Request.objects.exists()
        made = recovering.ask(
            user=compliance,
            do="reset",
            branch=house.head_office,
            reason="Lost",
            actor=Actor(user=posted(Role.BRANCH_MANAGER, house.head_office)),
            at=clock.now(),
        )
        with pytest.raises(deciding.OwnAccount):
            deciding.approve(
                request_id=made.pk,
                seen_hash=made.payload_hash,
                comment="",
                actor=Actor(user=compliance),
                at=clock.now(),
            )
        assert second_factors.has_one(compliance)
